"""How Lightning reads and writes checkpoints here: atomically, and without running code in them."""

from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from mfn.checkpoint.format import read_checkpoint, write_atomically


class AtomicCheckpointIO(CheckpointIO):
    """Writes to a temporary name, then renames; loads with ``weights_only``."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """See :func:`mfn.checkpoint.format.write_atomically`."""
        write_atomically(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """See :func:`mfn.checkpoint.format.read_checkpoint`; the strategy moves the tensors."""
        return read_checkpoint(path)

    def remove_checkpoint(self, path: Any) -> None:
        """Deletes a file that is no longer wanted."""
        Path(path).unlink(missing_ok=True)
