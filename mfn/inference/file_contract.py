"""Input contracts of files that are not checkpoints of ours: inside the file, beside it, or stated by the user."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mfn.checkpoint.format_number import format_of, if_newer, warn_of_newer
from mfn.contract import InputContract
from mfn.errors import CheckpointError, ConfigError, first_line
from mfn.files.atomic import replacing

CONTRACT_KEY = "mfn.contract"
"""Name of the contract's JSON in a file's own metadata, where its format has a place for it."""
_NOTHING_DONE = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
"""Pixels as they are, for a network that normalises inside."""
_LARGEST = 10_000_000
"""Bytes of a side file that is read."""


class Declared(NamedTuple):
    """What a file's own format says of its network; None where it does not."""

    input_size: tuple[int, int] | None = None
    embedding_dim: int | None = None
    takes_pixels: bool = False


NOTHING = Declared()


def side_file(path: Path) -> Path:
    """The JSON beside a network file that holds its contract: ``face.onnx.json``."""
    return path.with_name(path.name + ".json")


def contract_of_file(
    path: Path, inside: InputContract | None, stated: Mapping[str, Any], declared: Declared = NOTHING
) -> InputContract:
    """Finds out what a network file expects, and refuses sources that contradict one another.

    Args:
        path: The network file.
        inside: The contract in the file itself, None where it has none.
        stated: ``color``, ``mean``, ``std``, ``height``, ``width`` and ``pixels`` as the user gave them, without those
            not given; ``pixels`` says that the network normalises inside.
        declared: What the file's format says.

    Raises:
        CheckpointError: Nothing says what the network expects, or two sources differ.
        ConfigError: What is stated makes no sense.
    """
    found = {f"the contract inside {path.name}": inside} if inside is not None else {}
    beside = side_file(path)
    if beside.is_file():
        found[beside.name] = contract_in(content := _read_json(beside), beside)
        warn_of_newer({"format": format_of(content)}, {"format"}, beside)
    fields = _fields(stated)
    if not found:
        return _stated(path, fields, declared)
    contract = list(found.values())[-1]  # a side file may add a threshold
    for name, other in found.items():
        if differences := contract.differences(other):
            raise CheckpointError(f"{path}: {beside.name} contradicts {name}: {'; '.join(differences)}; remove one")
    if differences := contract.differences(dataclasses.replace(contract, **fields)):
        raise CheckpointError(f"{path} holds another input contract: {'; '.join(differences)}; leave contract.* out")
    return _agreeing(path, contract, declared)


def write_side_file(path: Path, contract: InputContract) -> Path:
    """Writes the contract beside a network file, keeping what else the JSON holds; returns the JSON's path.

    Raises:
        CheckpointError: What lies there is no JSON of ours.
    """
    beside = side_file(path)
    content = _read_json(beside) if beside.is_file() else {}
    with replacing(beside) as temporary:
        temporary.write_text(json.dumps(content | {"contract": contract.to_dict()}, indent=2), encoding="utf-8")
    return beside


def parse_contract(text: str | bytes, path: Path) -> InputContract:
    """A contract from JSON, alone or under the key ``contract``.

    Args:
        text: Of whatever origin.
        path: Where it was found, for messages.

    Raises:
        CheckpointError: The text is no JSON, or holds no contract.
    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} holds no input contract as JSON ({first_line(error)})") from error
    return contract_in(plain, path)


def contract_in(plain: Any, path: Path) -> InputContract:
    """The same from what JSON came to."""
    try:
        return InputContract.from_dict(plain.get("contract", plain) if isinstance(plain, dict) else plain)
    except CheckpointError as error:
        newer = if_newer(plain) if isinstance(plain, dict) else ""
        raise CheckpointError(f"{path}: {error}{newer}") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
        plain = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({first_line(error)})") from error
    if not isinstance(plain, dict):
        raise CheckpointError(f"{path} holds a {type(plain).__name__} as JSON, expected names with values")
    return plain


def _fields(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a contract, of what the user stated."""
    if unknown := set(stated) - {"color", "mean", "std", "height", "width", "pixels"}:
        raise ConfigError(
            f"contract.{min(unknown)} cannot be stated: a file's color, mean, std, height, width and pixels can"
        )
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in stated.items()}
    pixels = fields.pop("pixels", False)
    if not isinstance(pixels, bool):
        raise ConfigError(f"contract.pixels must be true or false, got {pixels!r}")
    if pixels and not fields.keys().isdisjoint(_NOTHING_DONE):
        raise ConfigError("contract.pixels=true says that the network normalises inside: leave mean and std out")
    return fields | (_NOTHING_DONE if pixels else {})


def _stated(path: Path, fields: dict[str, Any], declared: Declared) -> InputContract:
    if declared.input_size is not None:
        fields = dict(zip(("height", "width"), declared.input_size, strict=True)) | fields
    if declared.takes_pixels:
        fields = _NOTHING_DONE | fields
    lacking = [f"contract.{key}" for key in ("color", "mean", "std", "height", "width") if key not in fields]
    if lacking:
        raise CheckpointError(
            f"{path} does not say what pixels it expects: give {', '.join(lacking)} (contract.color=RGB "
            "contract.mean=[127.5,127.5,127.5] contract.std=[127.5,127.5,127.5] is the usual, contract.pixels=true in "
            "place of mean and std for a network that normalises inside; check_contract=true tells whether it fits)"
        )
    if declared.embedding_dim is None:
        raise CheckpointError(f"{path} does not run on images of {fields['height']}x{fields['width']}")
    contract = InputContract.for_size(**fields, embedding_dim=declared.embedding_dim)
    return _agreeing(path, contract, declared)


def _agreeing(path: Path, contract: InputContract, declared: Declared) -> InputContract:
    """The contract itself, if the file's own format does not say otherwise."""
    told = (contract.height, contract.width), contract.embedding_dim
    for what, here, there in zip(("input size", "embedding length"), told, declared[:2], strict=True):
        if there is not None and here != there:
            raise CheckpointError(f"{path}: the {what} is {there} in the file and {here} in its contract")
    return contract
