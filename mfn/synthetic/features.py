"""What lies inside a face: skin, beard, nose, mouth, eyes, brows and glasses, each on its own window."""

import numpy as np

from mfn.synthetic.canvas import Canvas, between, darker, ellipse, outline, squircle
from mfn.synthetic.person import Identity, Shot


def paint_skin(canvas: Canvas, identity: Identity) -> None:
    """Rosy cheeks, lines of age, freckles and a mole."""
    head, eyes, mouth = identity.head, identity.eyes, identity.mouth
    dark = darker(head.skin, 0.72)
    rosy = (min(1.0, head.skin[0] * 1.05), head.skin[1] * 0.72, head.skin[2] * 0.72)
    for side in (-1.0, 1.0):
        part = canvas.window(side * 21.0, 76.0, 12.0, 10.0)
        part.paint(ellipse(part.u - side * 21.0, part.v - 76.0, 8.0, 6.0), rosy, head.blush, edge=7.0)
        if head.age_lines > 0.0:
            at = side * (mouth.half_width + 3.0)
            part = canvas.window(at, 83.0, 6.0, 10.0)
            bend = part.u - at + side * 0.02 * (part.v - 90.0) ** 2
            fold = np.maximum(outline(bend, 1.2), between(part.v, 76.0, 91.0))
            part.paint(fold, dark, 0.8 * head.age_lines, edge=1.6)
            below = eyes.height + eyes.opening + 3.5
            part = canvas.window(side * eyes.distance, below, 8.0, 3.0)
            u = part.u - side * eyes.distance
            bag = np.maximum(outline(part.v - below + 0.04 * u * u, 1.0), np.abs(u) - 6.5)
            part.paint(bag, dark, 0.7 * head.age_lines, edge=1.5)
    if head.freckles > 0.0:
        part = canvas.window(0.0, 69.5, 30.0, 9.0)
        u, v = np.array(head.spots, np.float32)[:, :, None, None]
        part.paint(np.hypot(part.u - u, part.v - v).min(axis=0) - 0.7, dark, head.freckles)
    if head.mole is not None:
        part = canvas.window(*head.mole, 2.0, 2.0)
        part.paint(np.hypot(part.u - head.mole[0], part.v - head.mole[1]) - 1.3, (0.2, 0.12, 0.1), 0.9)


def paint_beard(canvas: Canvas, identity: Identity, shot: Shot, head: np.ndarray) -> None:
    """Beard within the head's outline (`head` is the distance to it), goatee and moustache."""
    beard, mouth = identity.beard, identity.mouth
    colour = darker(identity.hair.colour, 0.85)
    if beard.full > 0.0:
        width = identity.head.half_width
        edge_line = beard.top + 14.0 - 26.0 * (canvas.u * (1.0 / width)) ** 2
        canvas.paint(np.maximum(head, edge_line - canvas.v), colour, beard.full, edge=3.0)
    if beard.goatee > 0.0:
        part = canvas.window(0.0, 103.0, 14.0, 12.0)
        part.paint(ellipse(part.u, part.v - 104.0, 10.0, 8.0), colour, beard.goatee, edge=2.5)
    if beard.moustache > 0.0:
        v = mouth.height - mouth.upper_lip - 3.5
        part = canvas.window(0.0, v + 1.0, 18.0, 6.0)
        u = np.abs(part.u - _nose_shift(shot) * 0.3)
        strip = np.abs(part.v - v - 0.012 * u * u) - 2.6 + 0.1 * u
        part.paint(np.maximum(strip, u - 17.0), colour, beard.moustache, edge=1.6)


def _nose_shift(shot: Shot) -> float:
    return 0.4 * shot.yaw


def paint_nose(canvas: Canvas, identity: Identity, shot: Shot) -> None:
    """Nose, whose tip stands out and so moves further than the face when the head turns."""
    nose, skin, shift = identity.nose, identity.head.skin, _nose_shift(shot)
    part = canvas.window(shift, nose.tip - 8.0, nose.half_width + 4.0, 20.0)
    down = np.clip((part.v - 52.0) * (1.0 / (nose.tip - 52.0)), 0.0, 1.0)
    u, v = part.u - shift * down, part.v - nose.tip
    shade_side = -1.0 if shot.light[0] > 0 else 1.0
    bridge = np.maximum(np.abs(u - shade_side * (2.0 + 2.0 * down)) - 1.0, between(part.v, 54.0, nose.tip - 2.0))
    part.paint(bridge, darker(skin, 0.78), 0.8 * nose.bridge, edge=3.0)
    tip_height = 3.2 + 1.6 * nose.roundness
    part.paint(ellipse(u, v, nose.half_width, tip_height), darker(skin, 0.93), edge=3.0)
    part.paint(ellipse(u, v + 1.5, 0.45 * nose.half_width, 2.0), darker(skin, 1.12), 0.7, edge=3.0)
    base = outline(v - tip_height + 0.035 * u * u, 1.1)
    part.paint(np.maximum(base, np.abs(u) - nose.half_width), darker(skin, 0.6), 0.8, edge=1.4)
    nostrils = ellipse(np.abs(u) - 0.5 * nose.half_width, v - 0.6 * tip_height, 0.22 * nose.half_width + 0.6, 1.1)
    part.paint(nostrils, darker(skin, 0.38), 0.9, edge=1.3)


def paint_mouth(canvas: Canvas, identity: Identity, shot: Shot) -> None:
    """Lips, the gap between them and, where it is wide, teeth."""
    mouth = identity.mouth
    smile, opened = mouth.smile + shot.smile, shot.mouth_open
    half_width = mouth.half_width * (1.0 + 0.025 * smile) - 0.2 * opened
    part = canvas.window(0.0, mouth.height + 2.0, half_width + 1.0, 9.0 + opened)
    u = part.u - 0.3 * _nose_shift(shot)
    arc = np.maximum(1.0 - (u * (1.0 / half_width)) ** 2, 0.0)
    v = part.v - mouth.height - smile * (arc - 0.4)
    inside = np.abs(u) - half_width
    bow = arc - 0.5 * np.maximum(1.0 - np.abs(u) * (1.0 / 3.0), 0.0)
    upper, lower = -0.35 * opened * arc, 0.65 * opened * arc
    lips = np.maximum(between(v, upper - mouth.upper_lip * bow, lower + mouth.lower_lip * arc), inside)
    part.paint(lips, mouth.colour)
    gap = np.maximum(between(v, upper - 0.5, lower + 0.5), inside)
    part.paint(gap, darker(mouth.colour, 0.35), 0.9, edge=1.3)
    if opened > 1.5:
        teeth = np.maximum(between(v, upper, np.minimum(upper + 2.6, lower - 0.5)), np.abs(u) - 0.75 * half_width)
        part.paint(teeth, (0.96, 0.95, 0.92))


def paint_eye(canvas: Canvas, identity: Identity, shot: Shot, side: float) -> None:
    """One eye; side is -1 for the one on the picture's left, 1 for the other."""
    eyes, skin = identity.eyes, identity.head.skin
    part = canvas.window(side * eyes.distance, eyes.height, eyes.half_width + 3.0, eyes.opening + 6.0)
    u = side * part.u - eyes.distance
    v = part.v - eyes.height + eyes.tilt * u
    arc = np.maximum(1.0 - (u * (1.0 / eyes.half_width)) ** 2, 0.0)
    opening = eyes.opening * shot.eye_opening
    upper, lower = -1.1 * opening * arc, 0.8 * opening * arc + 0.15
    across = np.abs(u) - eyes.half_width
    lid = np.maximum(between(v, -1.25 * eyes.opening * arc - 2.2, lower), across)
    part.paint(lid, eyes.shadow, 0.8, edge=2.0)
    white = np.maximum(between(v, upper, lower), across)
    part.paint(white, (0.95, 0.95, 0.95))
    centre_u, centre_v = u - side * shot.gaze[0], part.v - eyes.height - shot.gaze[1]
    radius = np.sqrt(centre_u * centre_u + centre_v * centre_v)
    part.paint(np.maximum(radius - eyes.iris_radius, white), eyes.iris)
    part.paint(np.maximum(radius - 0.5 * eyes.iris_radius, white), (0.04, 0.03, 0.03))
    glint = np.hypot(part.u - side * eyes.distance - shot.gaze[0] + 1.2, centre_v + 1.2) - 0.8
    part.paint(np.maximum(glint, white), (1.0, 1.0, 1.0), 0.9)
    lash = np.maximum(outline(v - upper, eyes.lash), across)
    part.paint(lash, (0.10, 0.07, 0.06), 0.9)
    part.paint(np.maximum(outline(v - lower, 0.6), across), darker(skin, 0.5), 0.6)


def paint_brow(canvas: Canvas, identity: Identity, shot: Shot, side: float) -> None:
    """One brow; side as for the eyes."""
    brows, eyes = identity.brows, identity.eyes
    height = eyes.height - brows.height - shot.brow_raise
    part = canvas.window(side * (eyes.distance + 1.0), height, brows.half_width + 1.0, brows.arch + 5.0)
    u = side * part.u - eyes.distance - 1.0
    along = u * (1.0 / brows.half_width)
    v = part.v - height - brows.arch * along * along + brows.tilt * u
    strip = np.abs(v) - brows.thickness * (1.0 - 0.35 * along)
    part.paint(np.maximum(strip, np.abs(u) - brows.half_width), brows.colour, 0.9, edge=1.5)


def paint_glasses(canvas: Canvas, identity: Identity) -> None:
    """Lenses, frame, bridge and arms."""
    glasses, eyes, width = identity.glasses, identity.eyes, identity.head.half_width
    half_width = min(glasses.half_width, eyes.distance - 2.0)
    part = canvas.window(0.0, eyes.height + 1.0, width, glasses.half_height + 3.0)
    v = part.v - eyes.height - 1.0
    u = np.abs(part.u)
    lens = squircle(u - eyes.distance, v, half_width, glasses.half_height, 0.9 - 0.9 * glasses.roundness)
    part.paint(lens, (0.85, 0.92, 0.95), 0.12)
    arms = np.maximum(outline(v + 3.0, glasses.thickness), between(u, eyes.distance + half_width, width))
    bridge = np.maximum(outline(v + 2.0, glasses.thickness), u - eyes.distance + half_width)
    frame = np.minimum(np.minimum(outline(lens, glasses.thickness), arms), bridge)
    part.paint(frame, glasses.colour)
