"""``mfn import``: weights of others to a checkpoint of ours."""

import argparse
import logging
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from torch import nn

from mfn.checkpoint.format import BACKBONE, CheckpointMetadata, read_checkpoint, write_atomically
from mfn.commands.screen import plain_program
from mfn.contract import InputContract
from mfn.errors import ConfigError, MfnError
from mfn.files.ownership import refuse_to_replace
from mfn.importing.comparison import compare
from mfn.importing.importer import Imported, import_file
from mfn.models.count import network_size
from mfn.models.layer_order import import_layer_order
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.report.tables import table

log = logging.getLogger(__name__)

_IMPORTED = "imported from "


def main(arguments: Sequence[str], verb: str = "import") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        import_weights(options.file, options.output, options)


def parser(verb: str = "import") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("file", type=Path, help="of ONNX, TFLite, mxnet, ncnn, PyTorch, or safetensors")
    words.add_argument("--output", type=Path, required=True, help="checkpoint to write")
    words.add_argument("--mean", help="of the pixels, 0 to 255: one number or R,G,B; where the file does not say")
    words.add_argument("--std", help="what they are divided by, likewise")
    words.add_argument("--color", choices=("RGB", "BGR"), help="order of the colours; RGB unless the file says so")
    words.add_argument("--activation", choices=("relu", "relu6"), help="of a file of PyTorch without PReLU")
    return words


def import_weights(file: Path, output: Path, options: argparse.Namespace) -> None:
    """Reads foreign weights and writes a checkpoint with their own contract.

    Raises:
        CheckpointError: The file is of an unknown kind or does not fit.
        ConfigError: A number is none.
        DataError: The output is there already and was not imported.
    """
    refuse_to_replace(output, _is_imported)
    agreement, assumed = None, []
    if file.suffix == ".npz":
        network, arguments, contract = import_layer_order(file)
        rows: list[dict[str, str]] = []
    else:
        found = import_file(file, options.activation)
        network, arguments, rows = found.network, found.arguments, found.rows
        contract, assumed = contract_of(found, options)
        assumed += found.guessed
        agreement = compare(file, found)
    model = {"_target_": f"{type(network).__module__}.{type(network).__name__}", **arguments}
    metadata = CheckpointMetadata(model, contract.to_dict(), config=_IMPORTED + file.name)
    state = {BACKBONE + name: value for name, value in network.state_dict().items()}
    if rows:
        log.info(table("What went where", rows))
    write_atomically({"state_dict": state, "mfn": metadata.to_dict()}, output)
    log.info(table("Imported", [_summary(network, arguments, contract, output)]))
    if agreement is not None:
        log.info(
            "%s gives the same on noise: largest difference %.2g of %.3g, cosine %.6f",
            *(agreement.runtime, agreement.difference, agreement.of, agreement.cosine),
        )
    elif file.suffix != ".npz":
        log.info("not compared with the file's own runtime, which is not installed or not needed for such files")
    if assumed:
        log.warning("the file does not say, and was taken to have: %s", "; ".join(assumed))


def contract_of(found: Imported, options: argparse.Namespace) -> tuple[InputContract, list[str]]:
    """The input contract: as typed, else as the file's own graph has it, else the usual one; and what was assumed.

    Raises:
        ConfigError: What was typed is no number.
    """
    assumed = []
    mean = _numbers("--mean", options.mean) or found.mean
    std = _numbers("--std", options.std) or found.std
    unknown = [word for word, value in (("mean", mean), ("std", std)) if value is None]
    if unknown:
        assumed.append(f"a {' and a '.join(unknown)} of 127.5 ({', '.join(f'--{word}' for word in unknown)})")
    if options.color is None:
        assumed.append("colours in the order RGB (--color)")
    height, width = found.input_size
    pixels = {"mean": mean or (127.5,) * 3, "std": std or (127.5,) * 3, "color": options.color or "RGB"}
    return InputContract.for_size(height, width, embedding_dim=found.arguments["embedding_dim"], **pixels), assumed


def _numbers(word: str, text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 3):
        raise ConfigError(f"{word}={text} must be one number, or three as 123.675,116.28,103.53")
    first, second, third = values * 3 if len(values) == 1 else values
    return first, second, third


def _summary(network: nn.Module, arguments: Mapping[str, Any], contract: InputContract, output: Path) -> dict[str, Any]:
    size = network_size(network, (contract.height, contract.width))
    mean, std = contract.mean, contract.std
    pixels = f"(x-{mean[0]:g})/{std[0]:g}" if len({*mean}) == len({*std}) == 1 else "of three means"
    defaults = {name: parameter.default for name, parameter in signature(type(network)).parameters.items()}
    told = {"embedding_dim": contract.embedding_dim, "input_size": (contract.height, contract.width)}
    more = [f"{key}={value}" for key, value in arguments.items() if value != {**defaults, **told}[key]]
    return {
        "network": type(network).__name__,
        "convolutions": sum(isinstance(module, nn.Conv2d) for module in network.modules()),
        "parameters": f"{size.parameters:,}",
        "multiply-adds": f"{size.multiply_adds / 1e6:,.0f} M",
        "input": f"{contract.height}x{contract.width} {contract.color}, {pixels}",
        "embedding": contract.embedding_dim,
        "unlike the paper's" if isinstance(network, MobileFaceNet) else "options": ", ".join(more) or "none",
        "file": str(output),
    }


def _is_imported(path: Path) -> bool:
    """Whether a file can be had again by importing it; a trained network cannot."""
    try:
        return CheckpointMetadata.of(read_checkpoint(path), path).config.startswith(_IMPORTED)
    except MfnError:
        return False
