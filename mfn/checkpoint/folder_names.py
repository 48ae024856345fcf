"""Where the parts of a network's folder lie; see :mod:`mfn.checkpoint.folder`, which reads them."""

from pathlib import Path

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"


def folder_at(path: Path) -> Path | None:
    """The folder of a network, given it or its weights; None where there is none."""
    folder = path.parent if path.name == WEIGHTS else path
    return folder if (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file() else None
