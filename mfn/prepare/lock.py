"""One run at a time for each output."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mfn.errors import ConfigError
from mfn.files.atomic import process_name

LOCK, HOLDER = "mfn-prepare.lock", "mfn-prepare.process"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the system lets go of it when the process ends, however that happens.

    Args:
        folder: Is made where it is missing, and removed at the end if it is empty then.

    Raises:
        ConfigError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = folder / LOCK, folder / HOLDER
    try:
        held = FileLock(lock, timeout=0, is_singleton=False).acquire()
    except Timeout:
        with suppress(OSError):
            raise ConfigError(
                f"{folder} is in use by process {holder.read_text(encoding='utf-8')}: wait for it to end, or choose "
                "another output"
            ) from None
        raise ConfigError(f"{folder} is in use by another process: wait for it to end") from None
    with held:
        try:
            holder.write_text(process_name(), encoding="utf-8")
            yield
        finally:
            for file in (holder, lock):  # nobody else takes a lock whose file is gone
                file.unlink(missing_ok=True)
            with suppress(OSError):  # there is something in it
                folder.rmdir()
