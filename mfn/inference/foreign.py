"""Input contracts of files that are not checkpoints of ours: inside the file, beside it, or stated by the user."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfn.contract import InputContract
from mfn.errors import CheckpointError
from mfn.files import replacing

CONTRACT_KEY = "mfn.contract"
"""Name of the contract's JSON in a file's own metadata, where its format has a place for it."""


def side_file(path: Path) -> Path:
    """The JSON beside a network file that holds its contract: ``face.onnx.json``."""
    return path.with_name(path.name + ".json")


def contract_of_file(
    path: Path,
    inside: InputContract | None,
    stated: Mapping[str, Any],
    input_size: tuple[int, int] | None = None,
    embedding_dim: int | None = None,
) -> InputContract:
    """Finds out what a network file expects, and refuses sources that contradict one another.

    Args:
        path: The network file.
        inside: The contract in the file itself, None where it has none.
        stated: ``color``, ``mean`` and ``std`` as the user gave them, without those not given.
        input_size: (height, width) that the file itself declares.
        embedding_dim: That the file itself declares.

    Raises:
        CheckpointError: Nothing says what the network expects, or two sources differ.
    """
    told = {f"the contract inside {path.name}": inside} if inside is not None else {}
    beside = side_file(path)
    if beside.is_file():
        told[beside.name] = parse_contract(beside.read_text(encoding="utf-8"), beside)
    if not told:
        return _stated(path, stated, input_size, embedding_dim)
    contract = list(told.values())[-1]  # a side file may add a threshold
    for name, other in told.items():
        if differences := contract.differences(other):
            raise CheckpointError(f"{path}: {beside.name} contradicts {name}: {'; '.join(differences)}; remove one")
    wanted = dataclasses.replace(contract, **_plain(stated))
    if differences := contract.differences(wanted):
        raise CheckpointError(f"{path} holds another input contract: {'; '.join(differences)}; leave contract.* out")
    return contract


def write_side_file(path: Path, contract: InputContract) -> Path:
    """Writes the contract beside a network file, keeping what else the JSON holds; returns the JSON's path."""
    beside = side_file(path)
    content = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
    with replacing(beside) as temporary:
        temporary.write_text(json.dumps(content | {"contract": contract.to_dict()}, indent=2), encoding="utf-8")
    return beside


def parse_contract(text: str, path: Path) -> InputContract:
    """A contract from JSON, alone or under the key ``contract``.

    Raises:
        CheckpointError: The text is no JSON, or holds no contract.
    """
    try:
        plain = json.loads(text)
        return InputContract.from_dict(plain.get("contract", plain))
    except (ValueError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path} holds no input contract as JSON ({error})") from error


def _stated(
    path: Path, stated: Mapping[str, Any], input_size: tuple[int, int] | None, embedding_dim: int | None
) -> InputContract:
    lacking = [f"contract.{key}" for key in ("color", "mean", "std") if key not in stated]
    if lacking:
        raise CheckpointError(
            f"{path} does not say what pixels it expects: give {', '.join(lacking)} "
            "(contract.color=RGB contract.mean=[127.5,127.5,127.5] contract.std=[127.5,127.5,127.5] is the usual; "
            "probe=true tells whether it fits)"
        )
    if input_size is None or embedding_dim is None:
        raise CheckpointError(f"{path} does not say its input size or embedding length; export it with fixed ones")
    return InputContract.for_size(*input_size, embedding_dim=embedding_dim, **_plain(stated))


def _plain(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(map(float, value)) if key in ("mean", "std") else value for key, value in stated.items()}
