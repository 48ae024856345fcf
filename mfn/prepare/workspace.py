"""The folders of one run: what is unfinished lies in OUT.work, and OUT appears whole at the end."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfn.errors import ConfigError
from mfn.files.atomic import clear_left_behind, is_temporary
from mfn.files.ownership import is_prepared
from mfn.prepare import ownership
from mfn.prepare.lock import HOLDER, LOCK, alone_in
from mfn.prepare.settings import difference, read_settings, write_settings

log = logging.getLogger(__name__)


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

    @property
    def _old(self) -> Path:
        return self.work / "old"

    def is_finished(self, settings: Mapping[str, Any], overwrite: bool) -> bool:
        """Whether the output of these very settings is there already.

        Raises:
            ConfigError: Something else is there, and must not be overwritten.
        """
        if not self._is_taken():
            return False
        if overwrite:
            self._refuse_to_replace()
            return False
        if not is_prepared(self.output):
            raise ConfigError(f"output={self.output} exists and no finished run made it: choose another output")
        problem = difference(read_settings(self.output), settings)
        if problem is None and (lacking := ownership.lacking(self.output)):
            problem = f"but lacks {_some(lacking)}"
        if problem is not None:
            remedy = "" if ownership.not_ours(self.output) else ", or overwrite=true"
            raise ConfigError(f"output={self.output} was made {problem}: choose another output{remedy}")
        return True

    def is_tidy(self) -> bool:
        """Whether no work of ours is left beside the output."""
        return not self.work.exists() or bool(self._not_ours_in_work())

    def alone(self) -> AbstractContextManager[None]:
        """Makes OUT.work and keeps other processes out of it, once it is sure that nobody else made it.

        Raises:
            ConfigError: OUT.work is somebody else's folder, or another process works in it.
        """
        if others := self._not_ours_in_work():
            raise ConfigError(
                f"{self.work} is where unfinished work belongs, and it holds {_some(others)}, which mfn did not make: "
                "choose another output"
            )
        return alone_in(self.work)

    def recover(self) -> None:
        """Puts an earlier output back whose replacement was killed half way; clears one that was replaced."""
        if not self._old.exists():
            return
        if not self._is_taken():
            if self.output.exists():
                self.output.rmdir()
            self._old.rename(self.output)
        elif ownership.listed(self.output) is not None:
            ownership.remove_listed(self._old)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Makes OUT.work ready, or goes on in the one of a run that was stopped.

        Args:
            settings: All that the work on the photos depends on.

        Raises:
            ConfigError: It was made with other settings.
        """
        if not is_prepared(self.work):
            write_settings(self.work, settings)
        elif problem := difference(read_settings(self.work), settings):
            raise ConfigError(f"{self.work} was begun {problem}: move that folder away, or choose another output")
        self.shards.mkdir(exist_ok=True)
        for folder in (self.work, self.shards):
            clear_left_behind(folder)
        if others := ownership.remove(self.work, ownership.is_work, below=self.result.name):
            raise ConfigError(f"{self.work} holds {_some(others)}, which mfn did not make: move it away")
        self.result.mkdir()

    def finish(
        self, settings: Mapping[str, Any], hashes: Mapping[str, str], *, overwrite: bool, keep_work: bool
    ) -> None:
        """Gives the result its name; an output that was there before goes away only then.

        Args:
            settings: Of the whole run.
            hashes: SHA-256 of files of the result, as far as they are known.
            overwrite: Whether an output of ours may go.
            keep_work: Whether the results of the work on the photos stay.

        Raises:
            ConfigError: Something appeared under that name while the run went on.
        """
        write_settings(self.result, settings)
        ownership.write_list(self.result, hashes)
        if self._is_taken():
            if not overwrite:
                raise ConfigError(
                    f"output={self.output} appeared while it was being made: move it away and run the same command "
                    "again, which goes on"
                )
            self._refuse_to_replace()
            self.output.rename(self._old)
        elif self.output.exists():
            self.output.rmdir()
        try:
            self.result.rename(self.output)
        except OSError:
            self.recover()
            raise
        self.tidy(keep_work)

    def tidy(self, keep_work: bool) -> None:
        """Removes what a finished run needs no more; what mfn did not make stays and is told."""
        stays = [f"{self._old.name}/{path}" for path in ownership.remove_listed(self._old)]
        if not keep_work:
            of_lock = {LOCK, HOLDER}
            stays = [path for path in ownership.remove(self.work, ownership.is_work) if path not in of_lock]
        if stays:
            log.warning("%s stays, since mfn did not make %s in it", self.work, _some(stays))

    def _not_ours_in_work(self) -> list[str]:
        """What there is in an OUT.work that no run of ours began."""
        if not self.work.exists() or is_prepared(self.work):
            return []
        if not self.work.is_dir():
            return [self.work.name]
        places = {folder.name for folder in (self.shards, self.result, self._old)}  # empty, since files come first
        ours = {*places, LOCK, HOLDER}
        return [path for path in ownership.entries(self.work) if path not in ours and not is_temporary(path)]

    def _is_taken(self) -> bool:
        """Whether something is at OUT that is not an empty folder."""
        return self.output.exists() and (not self.output.is_dir() or any(self.output.iterdir()))

    def _refuse_to_replace(self) -> None:
        if ownership.listed(self.output) is None:
            raise ConfigError(
                f"output={self.output} holds no list of what mfn wrote into it, so it is not replaced: choose another "
                "output, or move it away"
            )
        if others := ownership.not_ours(self.output):
            raise ConfigError(
                f"output={self.output} holds {_some(others)}, which mfn did not write: move it away, or choose "
                "another output"
            )


def _some(paths: Sequence[str], most: int = 3) -> str:
    return ", ".join(paths[:most]) + (f" and {len(paths) - most} more" if len(paths) > most else "")
