"""What the result of a run depends on, kept beside it to know the same run again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfn.files.atomic import replacing
from mfn.files.ownership import SETTINGS


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings in a folder of which `mfn.files.ownership.is_prepared` says that it has them."""
    return json.loads((folder / SETTINGS).read_text(encoding="utf-8"))


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Writes settings into a folder."""
    with replacing(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(settings, indent=2), encoding="utf-8")


def difference(there: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """The first setting that is another one, as a phrase."""
    before, now = _flat(there), _flat(json.loads(json.dumps(settings)))  # which knows no tuples
    for key in [*now, *before]:
        if before.get(key) != now.get(key) and key.startswith(("photos.", "files.")):
            return "with other photos than this run has: their names, sizes or dates differ"
        if before.get(key) != now.get(key):
            return f"with {key}={before.get(key)}, this run has {now.get(key)}"
    return None


def digest(*texts: bytes) -> str:
    """SHA-256 in hexadecimal of some bytes, told apart by their lengths."""
    state = hashlib.sha256()
    for text in texts:
        state.update(len(text).to_bytes(8, "little") + text)
    return state.hexdigest()


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in settings.items():
        inner = isinstance(value, Mapping)
        flat.update(_flat(value, f"{prefix}{key}.") if inner else {prefix + key: value})
    return flat
