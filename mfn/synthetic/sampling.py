"""Random people and random photos of them."""

import math
from collections.abc import Sequence

import numpy as np

from mfn.synthetic.person import (
    Beard,
    Brows,
    Colour,
    Eyes,
    Glasses,
    Hair,
    Head,
    Identity,
    Mouth,
    Nose,
    Shot,
)

_SKIN_TONES = (
    (0.99, 0.87, 0.78),
    (0.95, 0.78, 0.64),
    (0.86, 0.66, 0.48),
    (0.70, 0.49, 0.34),
    (0.45, 0.30, 0.21),
)
_HAIR_COLOURS = (
    (0.07, 0.06, 0.07),
    (0.20, 0.13, 0.09),
    (0.38, 0.23, 0.13),
    (0.55, 0.27, 0.12),
    (0.74, 0.40, 0.16),
    (0.82, 0.66, 0.36),
    (0.93, 0.85, 0.62),
    (0.62, 0.62, 0.63),
    (0.90, 0.90, 0.90),
)
_HAIR_SHARES = (0.22, 0.18, 0.17, 0.09, 0.06, 0.11, 0.07, 0.06, 0.04)
_IRIS_COLOURS = (
    (0.24, 0.14, 0.08),
    (0.45, 0.29, 0.13),
    (0.42, 0.45, 0.20),
    (0.25, 0.47, 0.68),
    (0.45, 0.52, 0.56),
)
_FRAME_COLOURS = (
    (0.08, 0.08, 0.09),
    (0.35, 0.20, 0.10),
    (0.62, 0.14, 0.16),
    (0.16, 0.26, 0.50),
    (0.78, 0.68, 0.42),
)


def _mix(palette: Sequence[Colour], position: float) -> np.ndarray:
    """Colour at `position` (0 first, 1 last) of a palette, interpolated."""
    table = np.asarray(palette)
    at = position * (len(table) - 1)
    low = min(int(at), len(table) - 2)
    return table[low] + (at - low) * (table[low + 1] - table[low])


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = np.clip(values, 0.02, 1.0).tolist()
    return red, green, blue


def _pick(rng: np.random.Generator, palette: Sequence[Colour], shares: Sequence[float] | None = None) -> np.ndarray:
    """A random entry of a palette, a little changed; all are equally likely unless `shares` are given."""
    return np.asarray(palette[rng.choice(len(palette), p=shares)]) + rng.normal(0.0, 0.03, 3)


def _muted(rng: np.random.Generator) -> Colour:
    """Any brightness, little saturation."""
    return _colour(rng.uniform(0.05, 0.95) + rng.uniform(-0.2, 0.2, 3))


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draws one person."""
    uniform, normal = rng.uniform, rng.normal
    skin = _mix(_SKIN_TONES, uniform()) + normal(0.0, 0.02, 3)
    hair = _pick(rng, _HAIR_COLOURS, _HAIR_SHARES)
    grown = rng.choice(3, p=(0.1, 0.5, 0.4))  # bald or shaved, short, long
    fringe = uniform() < 0.35
    bearded = rng.choice(4, p=(0.66, 0.14, 0.1, 0.1)) if grown < 2 else 0  # none, full, goatee, moustache
    head = Head(
        half_width=uniform(34.0, 44.0),
        chin=uniform(103.0, 113.0),
        jaw_taper=uniform(0.0, 0.24),
        squareness=uniform(-0.25, 0.6),
        skin=_colour(skin),
        blush=uniform(0.0, 0.35),
        ear_size=uniform(5.0, 9.0),
        ear_height=uniform(58.0, 66.0),
        age_lines=max(0.0, uniform(-0.8, 1.0)),
        freckles=max(0.0, uniform(-2.0, 0.8)),
        spots=(tuple(uniform(-28.0, 28.0, 18).tolist()), tuple(uniform(62.0, 77.0, 18).tolist())),
        mole=(uniform(-20.0, 20.0), uniform(64.0, 97.0)) if uniform() < 0.25 else None,
    )
    return Identity(
        head=head,
        hair=Hair(
            colour=_colour(hair),
            cover=(uniform(0.0, 0.35), 1.0, 1.0)[grown],
            volume=(0.5, uniform(2.0, 7.0), uniform(3.0, 11.0))[grown],
            length=(40.0, uniform(42.0, 62.0), uniform(80.0, 125.0))[grown],
            hairline=uniform(27.0, 38.0) if fringe else uniform(10.0, 24.0),
            part=uniform(-18.0, 18.0),
            slope=normal(0.0, 0.1),
            rise=0.0 if fringe else max(0.0, uniform(-0.3, 0.6)),
            temple=uniform(4.0, 26.0),
            wave=max(0.0, uniform(-1.0, 2.2)),
            frequency=uniform(0.25, 0.8),
        ),
        eyes=Eyes(
            distance=normal(18.1, 1.5),
            height=normal(51.6, 1.0),
            half_width=uniform(6.5, 9.0),
            opening=uniform(2.8, 5.2),
            tilt=normal(0.04, 0.1),
            iris=_colour(_pick(rng, _IRIS_COLOURS)),
            iris_radius=uniform(3.0, 4.2),
            lash=uniform(0.7, 2.0),
            shadow=_colour(skin * uniform(0.55, 0.95) + normal(0.0, 0.05, 3)),
        ),
        brows=Brows(
            height=uniform(8.0, 14.0),
            half_width=uniform(7.5, 11.0),
            thickness=uniform(0.7, 3.2),
            arch=uniform(0.0, 4.0),
            tilt=normal(-0.03, 0.09),
            colour=_colour(0.75 * hair + normal(0.0, 0.03, 3) - 0.05),
        ),
        nose=Nose(
            tip=normal(71.7, 1.6),
            half_width=uniform(4.5, 11.0),
            bridge=uniform(0.1, 0.8),
            roundness=uniform(0.0, 1.0),
        ),
        mouth=Mouth(
            height=normal(93.3, 1.4),
            half_width=normal(14.1, 2.2),
            upper_lip=uniform(0.8, 3.4),
            lower_lip=uniform(1.2, 4.6),
            smile=uniform(-1.0, 3.0),
            colour=_colour(skin * np.array([0.88, 0.58, 0.58]) + uniform(0.0, 0.35) * np.array([0.3, -0.3, -0.15])),
        ),
        beard=Beard(
            full=uniform(0.35, 0.95) if bearded == 1 else 0.0,
            top=uniform(70.0, 90.0),
            goatee=uniform(0.5, 0.95) if bearded == 2 else 0.0,
            moustache=uniform(0.6, 0.95) if bearded else 0.0,
        ),
        glasses=Glasses(
            usual=bool(uniform() < 0.3),
            half_width=uniform(10.5, 13.5),
            half_height=uniform(6.5, 10.5),
            roundness=uniform(0.0, 1.0),
            thickness=uniform(0.6, 1.7),
            colour=_colour(_pick(rng, _FRAME_COLOURS)),
        ),
    )


def sample_shot(rng: np.random.Generator, usual_glasses: bool) -> Shot:
    """Draws the circumstances of one photo of a person who usually wears glasses or does not."""
    uniform, normal = rng.uniform, rng.normal
    angle, strength = uniform(0.0, 2.0 * math.pi), uniform(0.0, 0.45)
    red, green, blue = np.exp(normal(-0.15, 0.18) + normal(0.0, 0.045, 3)).tolist()
    return Shot(
        roll=normal(0.0, 0.06),
        scale=math.exp(normal(0.0, 0.045)),
        shift=(normal(0.0, 1.7), normal(0.0, 1.7)),
        yaw=uniform(-8.0, 8.0),
        pitch=uniform(-5.0, 5.0),
        light=(strength * math.cos(angle), strength * math.sin(angle)),
        gain=(red, green, blue),
        gamma=math.exp(normal(0.0, 0.15)),
        smile=normal(1.5, 1.8),
        mouth_open=max(0.0, normal(-1.0, 4.0)),
        brow_raise=normal(0.0, 1.2),
        eye_opening=uniform(0.0, 0.25) if uniform() < 0.06 else uniform(0.75, 1.15),
        gaze=(normal(0.0, 1.0), normal(0.0, 0.5)),
        wears_glasses=bool(uniform() < (0.93 if usual_glasses else 0.03)),
        background=(_muted(rng), _muted(rng)),
        background_angle=uniform(0.0, 2.0 * math.pi),
        clothes=_muted(rng),
        blur=max(0.0, uniform(-0.5, 1.0)),
        noise=uniform(0.003, 0.03),
    )
