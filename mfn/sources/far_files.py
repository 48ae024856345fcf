"""Files behind a URL: read whole or in part through fsspec, which knows HTTP and the object storages.

The WebDataset library opens names by itself too; it is not asked to, since it hands URLs to a shell and runs what
begins with `pipe:`.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mfn.about import optional
from mfn.errors import ConfigError, DataError, first_line

PROTOCOLS = {
    **dict.fromkeys(("http", "https"), "aiohttp"),
    "s3": "s3fs",
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    "hf": "huggingface-hub",
}
"""With the package that each needs beside fsspec."""
_TRIES = 4
_SECONDS = 60.0
"""Without a byte, after which a connection counts as broken."""
_URL = re.compile(r"([^:/?#]*)://.+", re.DOTALL)

T = TypeVar("T")


def is_far(root: object) -> bool:
    """Whether a root is a URL, or something else that is no path of this machine."""
    text = str(root)
    return "://" in text or text.startswith("pipe:")


def check_url(root: str) -> None:
    """Makes sure that a root is a URL of a kind that only reads.

    Raises:
        ConfigError: It is none.
    """
    found = _URL.fullmatch(root)
    if found is None or found[1].lower() not in PROTOCOLS or "::" in root:
        raise ConfigError(
            f"root={root} is no URL that is read here, and commands are never run: give a folder, or a URL of "
            f"{', '.join(f'{protocol}://' for protocol in PROTOCOLS)}"
        )


def fetch(url: str, target: Path) -> None:
    """Copies a whole file.

    Raises:
        DataError: It cannot be had.
    """
    _tried(url, lambda files, path: files.get_file(path, str(target)))


def read(url: str, start: int | None = None, end: int | None = None) -> bytes:
    """The bytes of a file, or those from `start` to `end`; more of them where its server knows no parts.

    Raises:
        DataError: It cannot be had.
    """
    return _tried(url, lambda files, path: files.cat_file(path, start=start, end=end))


def read_if_there(url: str) -> bytes | None:
    """The bytes of a file, None where there is none; raises as `read` does."""
    return _tried(url, lambda files, path: files.cat_file(path), missing=None)


def version(url: str) -> str:
    """What changes when a file does, as far as its server tells; raises as `read` does."""
    info = _tried(url, lambda files, path: files.info(path))
    keys = ("size", "ETag", "Last-Modified", "Content-MD5", "LastModified", "etag", "md5Hash", "content_md5", "mtime")
    return " ".join(f"{key}={info[key]}" for key in keys if info.get(key) is not None)


def listed(url: str) -> list[str]:
    """Names of what lies in a folder, sorted; none where its server does not list; raises as `read` does."""
    entries = _tried(url, lambda files, path: files.ls(path.rstrip("/") + "/", detail=False), missing=[])
    return sorted({str(entry).rstrip("/").rpartition("/")[2] for entry in entries})


_NEEDED = object()


def _tried(url: str, do: Callable[[Any, str], T], missing: Any = _NEEDED) -> T:
    core: Any = optional("fsspec.core", f"{url} is read with fsspec", "webdataset", ConfigError)
    protocol = url.partition("://")[0]
    try:
        files, path = core.url_to_fs(url, **_options(protocol))
    except (ImportError, ValueError) as error:
        needed = f"needs a package: pip install {PROTOCOLS[protocol.lower()]}"
        reason = needed if isinstance(error, ImportError) else f"cannot be opened ({first_line(error)})"
        raise ConfigError(f"{url} {reason}") from None
    for attempt in range(_TRIES):
        try:
            return do(files, path)
        except FileNotFoundError:
            if missing is not _NEEDED:
                return missing
            raise DataError(f"{url} is missing: fetch the set again to where it lies, or name what is there") from None
        except PermissionError as error:
            raise DataError(f"{url} may not be read ({first_line(error)}): look at the rights to it") from None
        except Exception as error:  # each kind of storage has its own
            if attempt == _TRIES - 1:
                raise DataError(
                    f"{url} cannot be had ({first_line(error)}): the same command goes on once it can"
                ) from None
            time.sleep(0.5 * 4**attempt)
    raise AssertionError


def _options(protocol: str) -> dict[str, Any]:
    if protocol not in ("http", "https"):
        return {}
    aiohttp: Any = optional("aiohttp", f"{protocol}:// needs a package", "webdataset", ConfigError)
    # Its own limit is five minutes for a whole file, however fast that comes
    return {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=_SECONDS, sock_read=_SECONDS)}}
