"""The tensors in a checkpoint of somebody else's, however deep they lie in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from mfn.text import printable

_DEEPEST = 6
_MOST_PARTS = 12


def parts_of(content: Any) -> dict[str, dict[str, Tensor]]:
    """The dictionaries and lists that hold tensors themselves.

    Args:
        content: Of a checkpoint; what it holds again inside itself is looked at once.

    Returns:
        The tensors of each part by their names, by where the part is: "" the whole, "model", "model.state_dict" ...
    """
    return {where: tensors for where, tensors in _walk(content, "", set(), 0) if tensors}


def facts_of(content: Any) -> dict[str, object]:
    """What there is to tell of a checkpoint that is not ours: its parts and what else stands at its top."""
    parts = parts_of(content)
    facts: dict[str, object] = {
        "tensors": sum(map(len, parts.values())),
        "values": sum(tensor.numel() for tensors in parts.values() for tensor in tensors.values()),
    }
    for where, tensors in list(parts.items())[:_MOST_PARTS]:
        (first, one), (last, other) = next(iter(tensors.items())), list(tensors.items())[-1]
        values = sum(tensor.numel() for tensor in tensors.values())
        ends = _named(first, one) + (f" ... {_named(last, other)}" if len(tensors) > 1 else "")
        facts[f"in {printable(where)}" if where else "in itself"] = f"{len(tensors)} tensors, {values:,} values: {ends}"
    if len(parts) > _MOST_PARTS:
        facts["in other parts"] = f"{len(parts) - _MOST_PARTS} more"
    if plain := [_shown(key, value) for key, value in _items(content) if isinstance(value, bool | int | float | str)]:
        facts["it says"] = ", ".join(plain[:_MOST_PARTS])
    return facts


def _walk(content: Any, where: str, seen: set[int], depth: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if id(content) in seen or depth > _DEEPEST:
        return
    seen.add(id(content))
    items = list(_items(content))
    yield where, {str(key): value for key, value in items if isinstance(value, Tensor)}
    for key, value in items:
        if not isinstance(value, Tensor):
            yield from _walk(value, f"{where}.{key}" if where else str(key), seen, depth + 1)


def _items(content: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(content, Mapping):
        yield from content.items()
    elif isinstance(content, list | tuple):
        yield from enumerate(content)


def _named(name: str, tensor: Tensor) -> str:
    return f"{printable(name)} {'x'.join(map(str, tensor.shape)) or 'of one value'}"


def _shown(key: object, value: object) -> str:
    return f"{printable(str(key))}={printable(str(value)[:60])}"
