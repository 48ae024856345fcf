"""What a run reads: which files, so that none of them is written over, and whether they are still the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfn.errors import ConfigError
from mfn.images.files import ImageFiles
from mfn.prepare.settings import digest
from mfn.sources.source import FaceSource


def input_paths(config: Mapping[str, Any]) -> dict[str, Path]:
    """Files and folders that a configuration names, by key, as far as they are there.

    Args:
        config: The composed ``conf/prepare.yaml`` or ``prepare_shards.yaml`` as plain values, paths without ``~``.

    Raises:
        ConfigError: What is read lies on no disk of this machine.
    """
    source, detector = config["source"], config.get("detector", {})
    if (root := source.get("root")) and not Path(root).exists() and ("://" in root or "{" in root):
        raise ConfigError(f"source.root={root} is no folder of this machine: fetch its shards into one, and give that")
    named = {
        "source.root": source.get("root"),
        "source.path": source.get("path"),
        "detector.path": detector.get("path"),
        "detector.model_path": detector.get("model_path"),
        "model_path": config.get("model_path"),
    }
    return {key: Path(text) for key, text in named.items() if text and Path(text).exists()}


def files_of(source: FaceSource, root: Path | None) -> list[str]:
    """The images of a source that lie as files; of others the files in its folder, or the file that it is.

    Synthetic faces lie nowhere.
    """
    if isinstance(source, ImageFiles):
        return source.paths
    if root is None:
        return []
    return sorted(str(path) for path in ([root] if root.is_file() else root.iterdir()) if path.is_file())


def stamp(files: Sequence[str]) -> dict[str, int | str]:
    """How many files these are, and a hash over their sizes and dates: other images under the old names are noticed."""
    return {"count": len(files), "sha256": digest("\n".join(map(_size_and_date, files)).encode())}


def _size_and_date(file: str) -> str:
    try:
        status = Path(file).stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
