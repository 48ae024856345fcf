"""What codecs print is heard, not shown; everything else gets through."""

import ctypes
import logging
import platform
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.errors import BrokenImageError
from mfn.images import decode
from mfn.images.decode import decode_rgb, decode_with_warnings
from mfn.images.overheard import overheard

SMOOTH = cv2.resize(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8), (112, 112))
WHOLE = cv2.imencode(".jpg", SMOOTH)[1].tobytes()
DAMAGED = WHOLE[:1500] + b"\xff\xd8\x00" + WHOLE[1503:]
_png = bytearray(cv2.imencode(".png", SMOOTH)[1].tobytes())
_png[3000] ^= 1
BROKEN_PNG = bytes(_png)
_tiff = cv2.imencode(".tif", SMOOTH)[1].tobytes()
BROKEN_TIFF = _tiff[: len(_tiff) // 2]

needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="C's stderr can only be listened to with glibc"
)


@needs_glibc
def test_damage_is_told_with_the_image_and_not_on_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        image, damage = decode_with_warnings(DAMAGED)
        assert image.shape == (112, 112, 3) and damage == "Corrupt JPEG data: premature end of data segment"
        assert decode_with_warnings(WHOLE)[1] == ""
    for data in (BROKEN_PNG, BROKEN_TIFF):
        with pytest.raises(BrokenImageError):
            decode_rgb(data)
    assert capfd.readouterr() == ("", "")


def test_damage_is_told_once_in_a_process(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(decode, "_told", [])
    monkeypatch.setattr(decode, "decode_with_warnings", lambda encoded: (SMOOTH, "Corrupt JPEG data: bad Huffman code"))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            decode_rgb(b"")
    assert len(caplog.messages) == 1 and "Corrupt JPEG data: bad Huffman code" in caplog.messages[0]


@needs_glibc
def test_what_no_codec_says_gets_through(capfd: pytest.CaptureFixture[str]) -> None:
    c = ctypes.CDLL(None)
    c.fputs.argtypes = [ctypes.c_char_p, ctypes.c_void_p]

    def speak() -> str:
        stderr = ctypes.c_void_p.in_dll(c, "stderr")
        c.fputs(b"libpng warning: iCCP: known incorrect sRGB profile\nthe disk is on fire\nlibpng error: x\n", stderr)
        sys.stderr.write("python speaks\n")
        return "done"

    assert overheard(speak) == ("done", ["libpng error: x"])
    assert sorted(capfd.readouterr().err.splitlines()) == ["python speaks", "the disk is on fire"]
    c.fputs(b"after\n", ctypes.c_void_p.in_dll(c, "stderr"))
    assert capfd.readouterr().err == "after\n"


def test_an_error_leaves_everything_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        overheard(fail)
    subprocess.run([sys.executable, "-c", "import os; os.write(2, b'child')"], check=True)
    assert capfd.readouterr().err == "child"
    assert decode_rgb(WHOLE).shape == (112, 112, 3)


@needs_glibc
def test_a_crash_while_decoding_is_seen(tmp_path: Path) -> None:
    program = (
        "import faulthandler, os; faulthandler.enable()\n"
        "from mfn.images.overheard import overheard\n"
        "overheard(lambda: os.abort())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode != 0 and "Fatal Python error: Aborted" in done.stderr


@needs_glibc
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_worker_processes_hear_too(context: str, capfd: pytest.CaptureFixture[str]) -> None:
    import multiprocessing

    with multiprocessing.get_context(context).Pool(2) as pool:
        told = pool.map(_damage_of, [DAMAGED, WHOLE] * 4)
    assert told == ["Corrupt JPEG data: premature end of data segment", ""] * 4
    assert "Corrupt" not in capfd.readouterr().err


def _damage_of(data: bytes) -> str:
    return decode_with_warnings(data)[1]


@needs_glibc
def test_of_a_block_of_images_damage_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(decode, "_told", [])
    with caplog.at_level(logging.WARNING):
        with decode.decoding_many(), decode.decoding_many():
            np.testing.assert_array_equal(decode_rgb(WHOLE), decode_with_warnings(WHOLE)[0])
            for _ in range(2):
                np.testing.assert_array_equal(decode_rgb(DAMAGED), decode_with_warnings(DAMAGED)[0])
        assert len(caplog.messages) == 1 and "Corrupt JPEG data" in caplog.messages[0]
        decode_rgb(DAMAGED)
    assert len(caplog.messages) == 1
    assert capfd.readouterr() == ("", "")


@needs_glibc
def test_what_is_said_of_a_broken_image_of_a_block_is_no_damage_of_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(decode, "_told", [])
    with caplog.at_level(logging.WARNING), decode.decoding_many():
        for data in (BROKEN_PNG, BROKEN_TIFF):
            with pytest.raises(BrokenImageError):
                decode_rgb(data)
        decode_rgb(WHOLE)
    assert not caplog.messages
    with caplog.at_level(logging.WARNING), pytest.raises(ZeroDivisionError), decode.decoding_many():
        decode_rgb(DAMAGED)
        raise ZeroDivisionError
    assert len(caplog.messages) == 1  # an error that leaves the block ends it
    assert decode_with_warnings(DAMAGED)[1]
    assert capfd.readouterr() == ("", "")
