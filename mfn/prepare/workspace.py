"""The folders of one run: what is unfinished lies in OUT.work, and OUT appears whole at the end."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfn.errors import ConfigError
from mfn.files import replacing

SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a run writes.

    Attributes:
        output: The folder that appears at the end, OUT.
    """

    output: Path

    @property
    def work(self) -> Path:
        """OUT.work, which is there until the run is finished."""
        return self.output.with_name(self.output.name + ".work")

    @property
    def shards(self) -> Path:
        """Results of the work on the photos."""
        return self.work / "photos"

    @property
    def result(self) -> Path:
        """What becomes OUT."""
        return self.work / "result"

    def is_finished(self, settings: Mapping[str, Any], overwrite: bool) -> bool:
        """Whether the output of these very settings is there already.

        Raises:
            ConfigError: Something else is there, and must not be overwritten.
        """
        if not self.output.exists() or overwrite:
            return False
        there = _read(self.output / SETTINGS)
        if there is None:
            raise ConfigError(
                f"output={self.output} exists and no finished run made it: choose another, or overwrite=true"
            )
        _refuse(f"output={self.output} was made", there, settings, "choose another output, or overwrite=true")
        return True

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Makes OUT.work, or goes on in the one of a run that was stopped.

        Args:
            settings: All that the work on the photos depends on.

        Raises:
            ConfigError: It was made with other settings.
        """
        file = self.work / SETTINGS
        there = _read(file)
        if there is None:
            if self.shards.exists():
                raise ConfigError(f"{self.work} holds work of unknown settings: delete it, or choose another output")
            _write(file, settings)
        else:
            _refuse(f"{self.work} was begun", there, settings, "delete that folder, or choose another output")
        self.shards.mkdir(exist_ok=True)
        if self.result.exists():
            shutil.rmtree(self.result)
        self.result.mkdir()

    def finish(self, settings: Mapping[str, Any], keep_work: bool) -> None:
        """Gives the result its name; an output that was there before goes away only then."""
        _write(self.result / SETTINGS, settings)
        old = self.work / "old"
        shutil.rmtree(old, ignore_errors=True)  # of a run that was killed right here
        if self.output.exists():
            self.output.rename(old)
        self.result.rename(self.output)
        self.tidy(keep_work)

    def tidy(self, keep_work: bool) -> None:
        """Removes what a finished run needs no more."""
        shutil.rmtree(self.work / "old" if keep_work else self.work, ignore_errors=True)


def digest(*texts: bytes) -> str:
    """SHA-256 in hexadecimal of some bytes, told apart by their lengths."""
    state = hashlib.sha256()
    for text in texts:
        state.update(len(text).to_bytes(8, "little") + text)
    return state.hexdigest()


def _refuse(what: str, there: Mapping[str, Any], settings: Mapping[str, Any], remedy: str) -> None:
    before, now = _flat(there), _flat(json.loads(json.dumps(settings)))  # which knows no tuples
    for key in [*now, *before]:
        if before.get(key) != now.get(key):
            raise ConfigError(f"{what} with {key}={before.get(key)}, this run has {now.get(key)}: {remedy}")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in settings.items():
        inner = isinstance(value, Mapping)
        flat.update(_flat(value, f"{prefix}{key}.") if inner else {prefix + key: value})
    return flat


def _read(file: Path) -> dict[str, Any] | None:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise ConfigError(f"{file} is damaged: delete its folder, or choose another output") from None


def _write(file: Path, settings: Mapping[str, Any]) -> None:
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(settings, indent=2), encoding="utf-8")
