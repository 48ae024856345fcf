"""The folder for what was fetched and can be fetched again."""

import os
from pathlib import Path


def home() -> Path:
    """``MFN_HOME``, or the folder that the system has for caches."""
    if named := os.environ.get("MFN_HOME"):
        return Path(named).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(caches) if caches else Path.home() / ".cache") / "mfn"
