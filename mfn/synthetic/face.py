"""synthetic faces: from the parameters of a person and a photo to the pixels of an aligned crop."""

import math

import numpy as np

from mfn.synthetic import features
from mfn.synthetic.canvas import Canvas, Pose, darker, ellipse, squircle
from mfn.synthetic.person import Identity, Shot

_HEAD_CENTRE = 60.0  # v of the widest part of the head
_HEAD_TOP = 4.0  # v of the top of the skull
_SKULL_SQUARENESS = 0.35


def draw_face(identity: Identity, shot: Shot, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draws one photo of one person.

    Args:
        identity: The person.
        shot: The circumstances of the photo.
        size: Height and width of the picture; the height holds the template's 112 pixels.
        rng: Source of the pixel noise.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    canvas = Canvas.blank(size, pose_of(identity, shot))
    distance = _head_distance(identity, canvas)
    _paint_background(canvas, shot)
    _paint_hair_behind(canvas, identity, distance)
    _paint_body(canvas, identity, shot)
    _paint_ears(canvas, identity)
    canvas.paint(distance, identity.head.skin)
    features.paint_skin(canvas, identity)
    features.paint_beard(canvas, identity, shot, distance)
    features.paint_nose(canvas, identity, shot)
    features.paint_mouth(canvas, identity, shot)
    for side in (-1.0, 1.0):
        features.paint_eye(canvas, identity, shot, side)
        features.paint_brow(canvas, identity, shot, side)
    _paint_hair_before(canvas, identity, distance)
    if shot.wears_glasses:
        features.paint_glasses(canvas, identity)
    return _photograph(canvas, identity, shot, rng)


def pose_of(identity: Identity, shot: Shot) -> Pose:
    """Where this person's head lies in this photo."""
    return Pose(
        roll=shot.roll,
        scale=shot.scale,
        shift=shot.shift,
        slide=(shot.yaw, shot.pitch),
        head_centre=_HEAD_CENTRE,
        head_radii=(identity.head.half_width, identity.head.chin - _HEAD_CENTRE),
    )


def _head_distance(identity: Identity, canvas: Canvas) -> np.ndarray:
    """Distance to the head's outline: a skull above its centre, and a jaw of another height below it."""
    head = identity.head
    skull, jaw = _HEAD_CENTRE - _HEAD_TOP, head.chin - _HEAD_CENTRE
    v = canvas.v - _HEAD_CENTRE
    is_jaw = v > 0.0
    below = np.maximum(v, 0.0) * (1.0 / jaw)
    u = canvas.u * (1.0 + head.jaw_taper * below * below)
    v *= np.where(is_jaw, np.float32(skull / jaw), np.float32(1.0))
    squareness = np.where(is_jaw, np.float32(head.squareness), np.float32(_SKULL_SQUARENESS))
    return squircle(u, v, head.half_width, skull, squareness)


def _paint_background(canvas: Canvas, shot: Shot) -> None:
    """A straight run from one colour to another."""
    height, width = canvas.u.shape
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32) * math.cos(shot.background_angle)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32) * math.sin(shot.background_angle)
    ramp = 0.5 + across + down[:, None]
    first, second = (np.array(c, np.float32)[:, None, None] for c in shot.background)
    np.multiply(second - first, ramp, out=canvas.colours)
    canvas.colours[...] += first


def _paint_hair_behind(canvas: Canvas, identity: Identity, head: np.ndarray) -> None:
    """Hair that stands out around the head and hangs down beside it."""
    hair = identity.hair
    if hair.cover < 1.0:
        return
    wave = hair.wave * np.sin(canvas.v * hair.frequency)
    cap = head - hair.volume + wave
    curtain = np.abs(canvas.u) - identity.head.half_width - 0.9 * hair.volume + wave
    curtain = np.maximum(curtain, _HEAD_CENTRE - canvas.v)
    distance = np.maximum(np.minimum(cap, curtain), canvas.v - hair.length)
    canvas.paint(distance, darker(hair.colour, 0.8), edge=1.5)


def _paint_body(canvas: Canvas, identity: Identity, shot: Shot) -> None:
    """Neck and shoulders."""
    part = canvas.window(0.0, 112.0, 60.0, 22.0)
    neck = np.maximum(np.abs(part.u) - 0.62 * identity.head.half_width, 92.0 - part.v)
    part.paint(neck, darker(identity.head.skin, 0.72))
    part.paint(108.0 + 0.004 * part.u * part.u - part.v, shot.clothes)


def _paint_ears(canvas: Canvas, identity: Identity) -> None:
    """Ears, unless the hair hides them."""
    head, hair = identity.head, identity.hair
    if hair.length > head.ear_height and hair.volume > 6.0:
        return
    for side in (-1.0, 1.0):
        at = side * (head.half_width + 0.15 * head.ear_size)
        part = canvas.window(at, head.ear_height, head.ear_size, 1.7 * head.ear_size)
        u, v = part.u - at, part.v - head.ear_height
        part.paint(ellipse(u, v, 0.8 * head.ear_size, 1.5 * head.ear_size), darker(head.skin, 0.93))
        part.paint(ellipse(u, v, 0.45 * head.ear_size, 0.9 * head.ear_size), darker(head.skin, 0.75), edge=2.0)


def _paint_hair_before(canvas: Canvas, identity: Identity, head: np.ndarray) -> None:
    """Hair on the skull, above a hairline, in strands that run together behind the crown."""
    hair = identity.hair
    across = canvas.u * (1.0 / identity.head.half_width)
    across *= across
    from_part = canvas.u - hair.part
    waves = np.sin(canvas.u * hair.frequency + 0.05 * canvas.v)
    strands = np.sin(45.0 * from_part / (canvas.v + 45.0)) * np.sin(0.15 * canvas.v + 0.1 * canvas.u)
    line = hair.hairline + hair.slope * from_part + hair.rise * np.abs(from_part)
    line += hair.temple * across * across + hair.wave * waves
    distance = np.maximum(head - hair.volume, canvas.v - line)
    np.maximum(distance, canvas.v - hair.length, out=distance)
    colour = np.array(hair.colour, np.float32)[:, None, None] * (1.0 + 0.15 * strands)
    canvas.paint(distance, colour, hair.cover, edge=1.6 if hair.cover == 1.0 else 5.0)


def _photograph(canvas: Canvas, identity: Identity, shot: Shot, rng: np.random.Generator) -> np.ndarray:
    """Light, lens and sensor: what happens to the painted colours on their way to bytes."""
    colours = canvas.colours
    shade = np.clip(canvas.u * (1.0 / identity.head.half_width), -1.2, 1.2) * shot.light[0]
    shade += np.clip((canvas.v - _HEAD_CENTRE) * (1.0 / (_HEAD_CENTRE - _HEAD_TOP)), -1.2, 1.2) * shot.light[1]
    shade += 1.0
    colours *= shade
    colours *= np.array(shot.gain, np.float32)[:, None, None]
    np.clip(colours, 0.0, 1.0, out=colours)
    np.power(colours, np.float32(shot.gamma), out=colours)
    if shot.blur > 0.0:
        _blur(colours, shot.blur)
    noise = rng.standard_normal(colours.shape, dtype=np.float32)
    noise *= shot.noise
    colours += noise
    colours *= 255.0
    colours += 0.5
    np.clip(colours, 0.0, 255.0, out=colours)
    return np.ascontiguousarray(colours.astype(np.uint8).transpose(1, 2, 0))


def _blur(colours: np.ndarray, amount: float) -> None:
    """Blends with the mean of the neighbours, first down and then across; the border stays."""
    side = np.float32(0.25 * amount)
    for before, middle, after in (
        (colours[:, :-2], colours[:, 1:-1], colours[:, 2:]),
        (colours[:, :, :-2], colours[:, :, 1:-1], colours[:, :, 2:]),
    ):
        mixed = before + after
        mixed -= 2.0 * middle
        mixed *= side
        middle += mixed
