import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mfn.errors import BrokenImageError
from mfn.images.decode import decode_rgb
from mfn.images.formats import FORMATS, can_decode, format_of

RAMP = np.stack(np.broadcast_arrays(*np.ogrid[0:256:8, 0:256:8], 40), axis=-1).astype(np.uint8)


def encoded(mode: str, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RAMP).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_rgb_order_from_any_buffer(wrap: type) -> None:
    image = decode_rgb(wrap(encoded("RGB", "PNG")))
    assert image.dtype == np.uint8 and np.array_equal(image, RAMP)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("RGB", "BMP"), ("RGB", "WEBP")],
)
def test_colours_survive(mode: str, kind: str) -> None:
    image = decode_rgb(encoded(mode, kind, quality=95))
    assert image.shape == RAMP.shape
    assert np.abs(image.astype(int) - RAMP).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_grey_becomes_three_equal_channels(kind: str) -> None:
    image = decode_rgb(encoded("L", kind))
    assert image.shape == RAMP.shape
    assert (image == image[..., :1]).all() and image.std() > 20


def several(kind: str) -> bytes:
    """The ramp, then its negative as a second frame or page."""
    buffer = io.BytesIO()
    Image.fromarray(RAMP).save(buffer, kind, save_all=True, append_images=[Image.fromarray(255 - RAMP)])
    return buffer.getvalue()


def readable(name: str) -> bool:
    return can_decode(next(form for form in FORMATS if form.name == name))


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PPM", "JPEG2000", "AVIF"])
def test_further_formats(kind: str) -> None:
    data = encoded("RGB", kind)
    form = format_of(data)
    assert form is not None and form.name.replace(" ", "") == kind
    if not can_decode(form):
        with pytest.raises(BrokenImageError, match=f"a {form.name} image .*OpenCV"):
            decode_rgb(data)
        pytest.skip(f"this OpenCV has no decoder for {kind}")
    assert np.abs(decode_rgb(data).astype(int) - RAMP).mean() < 20  # a GIF has 256 colours


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG"])
def test_the_first_of_several_frames_is_taken(kind: str) -> None:
    if not readable(kind):
        pytest.skip(f"this OpenCV has no decoder for {kind}")
    assert np.abs(decode_rgb(several(kind)).astype(int) - RAMP).mean() < 20


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_become_8(suffix: str) -> None:
    data = cv2.imencode(suffix, cv2.cvtColor(RAMP, cv2.COLOR_RGB2BGR).astype(np.uint16) * 257)[1].tobytes()
    assert np.abs(decode_rgb(data).astype(int) - RAMP).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_is_obeyed(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    buffer = io.BytesIO()
    image = Image.fromarray(RAMP[:, :16])
    image.save(buffer, kind, exif=exif.tobytes())
    image.getexif()[0x112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    found = decode_rgb(buffer.getvalue())
    assert found.shape == upright.shape and np.abs(found.astype(int) - upright).mean() < 10


def test_heic_with_the_decoder_that_its_message_names() -> None:
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(Image.fromarray(RAMP)).save(buffer, quality=95)
    assert np.abs(decode_rgb(buffer.getvalue()).astype(int) - RAMP).mean() < 5
    with pytest.raises(BrokenImageError, match="no whole HEIC image"):
        decode_rgb(buffer.getvalue()[:300])


def test_heic_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfn.images.decode.can_decode", lambda form: form.name != "HEIC")
    with pytest.raises(BrokenImageError, match=r"are a HEIC image \(pip install 'mobilefacenet\[heic\]'"):
        decode_rgb(b"\0\0\0\x18ftypheic" + bytes(48))


def test_palette_becomes_rgb() -> None:
    assert decode_rgb(encoded("P", "PNG")).shape == RAMP.shape


def test_same_pixels_as_pillow() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    data = cv2.imencode(".jpg", noise)[1].tobytes()
    assert np.array_equal(decode_rgb(data), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("data", [b"", b"no image", encoded("RGB", "JPEG")[:500], encoded("RGB", "PNG")[:100]])
def test_broken_images(data: bytes) -> None:
    with pytest.raises(BrokenImageError, match=f"these {len(data)} bytes"):
        decode_rgb(data)
