import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mfn.data.decode import decode_rgb
from mfn.errors import BrokenImageError

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
