"""ONNX Runtime Web: the two of its npm package's files that a page needs."""

import json
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from mfn.errors import ExportError, first_line
from mfn.files.atomic import hidden_folder
from mfn.files.ownership import json_at
from mfn.published.cache import home

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
"""What is fetched where no folder is given."""
MODULE, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
_FILES = ("package.json", f"dist/{MODULE}", f"dist/{WASM}")
_SECONDS = 600
_REMEDY = (
    "install Node.js, which brings npm, or get the package elsewhere and give target.web.runtime=DIR, its folder "
    f"node_modules/{PACKAGE}"
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The files of one version.

    Attributes:
        version: As its package says.
        module: JavaScript.
        wasm: WebAssembly.
    """

    version: str
    module: bytes
    wasm: bytes


def runtime_files(folder: str | Path | None) -> Runtime:
    """Reads the files of a folder, or those that npm brings and the cache keeps.

    Args:
        folder: ``node_modules/onnxruntime-web``; None takes `VERSION` from the cache, where npm first puts it.

    Raises:
        ExportError: It is another folder, or there is no npm, or npm cannot fetch.
    """
    place = Path(folder).expanduser() if folder is not None else _cached()
    facts = json_at(place / "package.json")
    if not isinstance(facts, dict) or facts.get("name") != PACKAGE:
        raise ExportError(
            f"target.web.runtime={place} is not the folder of the npm package {PACKAGE}: `npm install {PACKAGE}` makes "
            f"node_modules/{PACKAGE}; or leave the key out, and npm fetches it"
        )
    try:
        files = [(place / name).read_bytes() for name in _FILES[1:]]
    except OSError as error:
        raise ExportError(
            f"target.web.runtime={place} lacks dist/{Path(str(error.filename)).name}, which {PACKAGE} {VERSION} has: "
            f"`npm install {PACKAGE}@{VERSION}` installs that version"
        ) from error
    return Runtime(str(facts.get("version", ""))[:40], *files)


def _cached() -> Path:
    place = home() / f"{PACKAGE}-{VERSION}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.with_name(f"{place.name}.lock")):
            if not place.is_dir():
                with hidden_folder(place) as made:
                    _fetch(made)
                    made.rename(place)
    except OSError as error:
        raise ExportError(f"{place} cannot be written ({error.strerror or first_line(error)})") from error
    return place


def _fetch(folder: Path) -> None:
    """Lets npm, which checks what it gets, fetch the package, and takes out of it what is needed."""
    npm = shutil.which("npm")
    if npm is None:
        raise ExportError(f"target=web needs {PACKAGE} {VERSION}, and there is no npm to fetch it: {_REMEDY}")
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--json", "--ignore-scripts", "--pack-destination", temporary]
        try:
            done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise ExportError(f"npm fetched no {PACKAGE} {VERSION} in {_SECONDS} seconds: {_REMEDY}") from error
        archives = list(Path(temporary).glob("*.tgz"))
        if done.returncode or not archives:
            raise ExportError(f"npm cannot fetch {PACKAGE} {VERSION} ({_said(done)}): go online, or {_REMEDY}")
        _take(archives[0], folder)


def _take(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as packed:
            for name in _FILES:
                file = packed.extractfile(f"package/{name}")
                assert file is not None  # plain files
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(file.read())
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise ExportError(f"npm brought another {PACKAGE} than expected ({first_line(error)}): {_REMEDY}") from error


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """What npm says of a failure, in a line."""
    try:
        summary = json.loads(done.stdout)["error"]["summary"]
    except (ValueError, KeyError, TypeError):
        summary = done.stderr
    return next((line.strip() for line in str(summary).splitlines() if line.strip()), f"status {done.returncode}")[:200]
