"""A backbone as a file describes it: a network of ours, plain arguments, no larger than the weights in the file."""

import re
import reprlib
from collections.abc import Iterable, Mapping
from importlib import import_module
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mfn.errors import CheckpointError, MfnError, first_line

_OURS = re.compile(r"mfn\.models\.\w+\.\w+")
_admitted: set[str] = set()
_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.tensor, torch.rand, torch.randn, torch.arange)


def stored_backbone(model: Mapping[str, Any], state: Mapping[str, Any]) -> nn.Module:
    """Builds a backbone and gives it its weights.

    It is first built without memory, so that a description that asks for more than the file holds costs nothing.

    Args:
        model: ``_target_`` and arguments, from a file.
        state: The file's tensors, by the names that the backbone has for them.

    Returns:
        The network in evaluation mode; it has ``embedding_dim``.

    Raises:
        CheckpointError: The description is of something else, or the weights are not those of what it describes.
    """
    arguments = {name: value for name, value in model.items() if name != "_target_"}
    made = _backbone_class(model.get("_target_"))
    for name, value in arguments.items():
        if not isinstance(name, str) or not _is_plain(value):
            raise CheckpointError(f"its model's argument {reprlib.repr(name)}={reprlib.repr(value)} is no plain value")
    for name, value in state.items():
        if not is_whole(value) or value.is_complex():
            raise CheckpointError(f"{name} in it is no plain tensor")
    try:
        with torch.device("meta"), _NoLargerThan(sum(value.numel() for value in state.values())):
            shapes = {name: tuple(value.shape) for name, value in made(**arguments).state_dict().items()}
        _compare(shapes, {name: tuple(value.shape) for name, value in state.items()})
        network = made(**arguments)
        network.load_state_dict(dict(state))
    except MfnError as error:
        raise CheckpointError(f"it does not fit its model {made.__name__}: {error}") from error
    except Exception as error:  # what a constructor of ours raises for arguments that nobody foresaw
        raise CheckpointError(f"it does not fit its model {made.__name__} ({first_line(error)})") from error
    if not isinstance(getattr(network, "embedding_dim", None), int):
        raise CheckpointError(f"its model {made.__name__} is no backbone: it gives no embedding")
    return network.eval()


def admit(targets: Iterable[str]) -> None:
    """Lets files name further networks: those that the user of this program has named, as ``my_networks.TinyNet``."""
    _admitted.update(targets)


def _backbone_class(target: object) -> type[nn.Module]:
    named = target if isinstance(target, str) and (_OURS.fullmatch(target) or target in _admitted) else ""
    module, _, name = named.rpartition(".")
    try:
        found = getattr(import_module(module), name, None) if module else None
    except ImportError:
        found = None
    # What a module has imported is not its own
    if isinstance(found, type) and issubclass(found, nn.Module) and found.__module__ == module:
        return found
    raise CheckpointError(
        f"it names {reprlib.repr(target)} as its model; only classes of mfn.models are built from a file, and those "
        "that you name in a folder given with --config-dir, or by mfn.checkpoint.backbone.admit"
    )


def _is_plain(value: object) -> bool:
    """Whether a value is a number, a name, or a short list of them."""
    if isinstance(value, list | tuple):
        return (
            len(value) <= 16
            and not any(isinstance(part, list | tuple) for part in value)
            and all(map(_is_plain, value))
        )
    if isinstance(value, str):
        return len(value) <= 100
    return value is None or (isinstance(value, int | float) and abs(value) <= 1e6)


def is_whole(value: object) -> bool:
    """Whether something is a tensor on the CPU whose numbers are all there; one can claim more than its memory."""
    return (
        isinstance(value, Tensor)
        and (value.layout, value.device.type, value.is_quantized) == (torch.strided, "cpu", False)
        and value.nbytes <= value.untyped_storage().nbytes()
    )


def _compare(expected: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> None:
    for name in chain(expected, given):
        if expected.get(name) != given.get(name):
            here, there = (shapes.get(name, "missing") for shapes in (given, expected))
            raise CheckpointError(f"{name} is {here} in the file and {there} in the network")


class _NoLargerThan(TorchFunctionMode):
    """Stops the building of a network that has more numbers, or more tensors, than a file has numbers."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.left = 16 * numbers + 10_000  # layers of low rank are first built whole; buffers that are not stored

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _FACTORIES:
            self.left -= max(result.numel(), 1)
            if self.left < 0:
                raise CheckpointError("it asks for a larger network than the file has weights for")
        return result
