"""``mfn import``: weights of others to a checkpoint of ours."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from mfn.checkpoint.format import BACKBONE, CheckpointMetadata, read_checkpoint, write_atomically
from mfn.commands.screen import plain_program
from mfn.errors import CheckpointError, MfnError
from mfn.files.ownership import refuse_to_replace
from mfn.models.count import network_size
from mfn.models.layer_order import import_layer_order
from mfn.report.tables import table

log = logging.getLogger(__name__)

_IMPORTED = "imported from "


def main(arguments: Sequence[str], verb: str = "import") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        import_weights(options.file, options.output)


def parser(verb: str = "import") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("file", type=Path, help=".npz of weights in layer order, with a .json beside it")
    words.add_argument("--output", type=Path, required=True, help="checkpoint to write")
    return words


def import_weights(file: Path, output: Path) -> None:
    """Reads foreign weights and writes a checkpoint with their own contract.

    Raises:
        CheckpointError: The file is of an unknown kind or does not fit.
        DataError: The output is there already and was not imported.
    """
    refuse_to_replace(output, _is_imported)
    if file.suffix != ".npz":
        raise CheckpointError(f"{file}: expected an .npz of weights in layer order with a .json beside it")
    network, model_arguments, contract = import_layer_order(file)
    model = {"_target_": f"{type(network).__module__}.{type(network).__name__}", **model_arguments}
    metadata = CheckpointMetadata(model, contract.to_dict(), config=_IMPORTED + file.name)
    state = {BACKBONE + name: value for name, value in network.state_dict().items()}
    write_atomically({"state_dict": state, "mfn": metadata.to_dict()}, output)
    size = network_size(network, (contract.height, contract.width))
    row = {
        "network": type(network).__name__,
        "parameters": f"{size.parameters:,}",
        "input": f"{contract.height}x{contract.width} {contract.color}, (x-{contract.mean[0]:g})/{contract.std[0]:g}",
        "embedding": contract.embedding_dim,
        "file": str(output),
    }
    log.info(table("Imported", [row]))


def _is_imported(path: Path) -> bool:
    """Whether a file can be had again by importing it; a trained network cannot."""
    try:
        return CheckpointMetadata.of(read_checkpoint(path), path).config.startswith(_IMPORTED)
    except MfnError:
        return False
