"""What a synthetic face looks like: the parameters of a person and of one photo of that person.

Lengths are pixels of the 112x112 template, colours RGB in 0..1, angles radians. The face frame has u = 0 in
the middle of the template's width, to the right, and v = 0 at its top, downwards. Averaged over people and
photos, eyes, nose and mouth lie on InsightFace's five points.
"""

from dataclasses import dataclass

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Head:
    """Outline and skin of a head."""

    half_width: float
    chin: float  # v of the chin
    jaw_taper: float  # share of the width that is lost towards the chin
    squareness: float  # below 0 a pointed chin, towards 1 a square jaw
    skin: Colour
    blush: float
    ear_size: float
    ear_height: float  # v of the middle of the ears
    age_lines: float  # 0..1, strength of the folds beside the mouth and below the eyes
    freckles: float  # 0..1, strength
    spots: tuple[tuple[float, ...], tuple[float, ...]]  # u and v of the freckles
    mole: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Hair:
    """Cut and colour of the hair."""

    colour: Colour
    cover: float  # 0 bald, 1 opaque
    volume: float  # how far the hair stands out from the head
    length: float  # v where the hair beside the face ends
    hairline: float  # v of the hairline in the middle of the forehead
    part: float  # u of the parting
    slope: float  # of the hairline across the forehead, a side sweep
    rise: float  # rise of the hairline towards the parting, a centre parting
    temple: float  # how far the hair comes down at the temples
    wave: float  # amplitude of the waves of hairline and outline
    frequency: float  # of the waves, radians a pixel


@dataclass(frozen=True, slots=True)
class Eyes:
    """Both eyes, mirror images of each other."""

    distance: float  # between the middle of the face and an eye
    height: float  # v of the eyes
    half_width: float
    opening: float  # of the wide eye, half its height
    tilt: float  # slope, positive lifts the outer corner
    iris: Colour
    iris_radius: float
    lash: float  # thickness of the upper lid's line
    shadow: Colour  # of the upper lid


@dataclass(frozen=True, slots=True)
class Brows:
    """Both brows, mirror images of each other."""

    height: float  # above the eyes
    half_width: float
    thickness: float
    arch: float
    tilt: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Nose:
    """The nose."""

    tip: float  # v of the tip
    half_width: float
    bridge: float  # strength of the bridge's shading
    roundness: float  # of the tip


@dataclass(frozen=True, slots=True)
class Mouth:
    """The mouth."""

    height: float  # v of the closed mouth; a smile lifts the corners
    half_width: float
    upper_lip: float
    lower_lip: float
    smile: float  # of the face at rest
    colour: Colour


@dataclass(frozen=True, slots=True)
class Beard:
    """What grows below the nose; all opacities are 0 in a shaved face."""

    full: float  # 0..1, opacity of the beard along the jaw
    top: float  # v where it begins beside the mouth
    goatee: float  # 0..1, opacity around the chin only
    moustache: float  # 0..1, opacity


@dataclass(frozen=True, slots=True)
class Glasses:
    """The glasses a person owns."""

    usual: bool  # whether this person wears them in most photos
    half_width: float
    half_height: float
    roundness: float  # 0 box, 1 ellipse
    thickness: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that stays the same in all photos of one person."""

    head: Head
    hair: Hair
    eyes: Eyes
    brows: Brows
    nose: Nose
    mouth: Mouth
    beard: Beard
    glasses: Glasses


@dataclass(frozen=True, slots=True)
class Shot:
    """Everything that differs between the photos of one person."""

    roll: float
    scale: float
    shift: tuple[float, float]
    yaw: float  # pixels by which the middle of the face slides over the head
    pitch: float
    light: tuple[float, float]  # relative brightening to the right and downwards
    gain: Colour  # brightness and colour cast
    gamma: float
    smile: float
    mouth_open: float
    brow_raise: float
    eye_opening: float  # factor, 0 closed
    gaze: tuple[float, float]
    wears_glasses: bool
    background: tuple[Colour, Colour]
    background_angle: float
    clothes: Colour
    blur: float  # 0 sharp, 1 a 1-2-1 blur in both directions
    noise: float  # standard deviation, 0..1 scale
