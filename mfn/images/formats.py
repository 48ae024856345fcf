"""Image formats: what files of them are called, how they begin, and which of them can be decoded here."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

import cv2

from mfn.about import install_command


class Format(NamedTuple):
    """One format.

    Attributes:
        name: For people.
        suffixes: Of file names, in lower case; the first is the usual one.
        start: What its first bytes match.
    """

    name: str
    suffixes: tuple[str, ...]
    start: re.Pattern[bytes]


START = 32
"""Bytes that are enough to know a format."""
HEIC = Format("HEIC", (".heic", ".heif", ".hif"), re.compile(rb"....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL))
FORMATS = (
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".jif"), re.compile(rb"\xff\xd8\xff")),
    Format("PNG", (".png", ".apng"), re.compile(rb"\x89PNG\r\n\x1a\n")),
    Format("BMP", (".bmp", ".dib"), re.compile(rb"BM.{4}\0{4}", re.DOTALL)),
    Format("WebP", (".webp",), re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    Format("TIFF", (".tif", ".tiff"), re.compile(rb"II\*\0|MM\0\*")),
    Format("GIF", (".gif",), re.compile(rb"GIF8[79]a")),
    Format("PPM", (".ppm", ".pgm", ".pbm", ".pnm"), re.compile(rb"P[1-6]\s")),
    Format("JPEG 2000", (".jp2",), re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n")),
    Format("AVIF", (".avif",), re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    HEIC,
)
BY_SUFFIX: Mapping[str, Format] = {suffix: form for form in FORMATS for suffix in form.suffixes}


def format_of(data: bytes | memoryview) -> Format | None:
    """The format of encoded bytes, of which the first 32 are enough; None where it is none of these."""
    start = bytes(data[:START])
    return next((form for form in FORMATS if form.start.match(start)), None)


@cache
def can_decode(form: Format) -> bool:
    """Whether images of a format can be decoded here."""
    if form is HEIC:
        return find_spec("pillow_heif") is not None
    # OpenCV tells of no decoder by its name, but it has none without the encoder
    return cv2.haveImageWriter("image" + form.suffixes[0])


def remedy(form: Format) -> str:
    """What to do about images of a format that cannot be decoded here, for the end of a sentence."""
    return install_command("heic") if form is HEIC else f"OpenCV {cv2.__version__} cannot read it, a newer one may"
