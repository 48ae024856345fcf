"""Commands that recognise people, on made people."""

import importlib
import logging
from pathlib import Path

import pytest

from mfn.commands import recognising
from tests.recognition.made_people import SquareDetector


def say(
    verb: str, *words: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Runs a verb with the detector of squares: exit status, standard output and standard error."""
    monkeypatch.setattr(recognising, "detector_of", lambda options: None if options.aligned else SquareDetector())
    status, root = 0, logging.getLogger()
    before, root.handlers = root.handlers, []  # so that the command has its own screens
    try:
        importlib.import_module(f"mfn.commands.{verb}").main([str(word) for word in words])
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        root.handlers = before
    told = capsys.readouterr()
    return status, told.out, told.err


def people_folder(root: Path, people: int, shots: int) -> Path:
    """A folder of photos for each person."""
    from tests.recognition.made_people import crop_of, photo_of, write_photo

    for person in range(people):
        for shot in range(shots):
            write_photo(root / f"person {person}" / f"{shot}.png", photo_of(crop_of(person, shot)))
    return root
