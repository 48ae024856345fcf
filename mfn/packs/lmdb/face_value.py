"""What an LMDB database says of a face: an encoded image and a label, in MessagePack or in a plain pickle.

The layout is that of the training sets of Notre Dame's face recognition code
(https://github.com/HaiyuWu/SOTA-Face-Recognition-Train-and-Test) and of the many `ImageFolderLMDB` that it comes from:
keys `b"0"`, `b"1"`, ... with `(image, label)`, and beside them `__keys__`, `__len__` and `__classnum__`.
"""

import io
from typing import Any

import numpy as np

from mfn.files.pickle_builders import Array, Number, Refused
from mfn.files.plain_pickle import PlainUnpickler
from mfn.packs.lmdb.message import NoMessageError, item, items

_PICKLE = (b"\x80", b"(", b"]", b"K", b"I", b"M", b"J")
"""How pickles of pairs, lists and counts begin; in MessagePack each of these is a value of one byte."""
_ARROW = b"\0" * 16 + b"\xff\xff\xff\xff"
_LZ4 = b"\x04\x22\x4d\x18"
_LARGEST = 2**63


class ValueRefusedError(Exception):
    """A value that is not what it should be; the message says what it is, to follow its key."""


def face_in(value: memoryview) -> tuple[bytes, int | str]:
    """The encoded image and the label of a record.

    Raises:
        ValueRefusedError: It holds something else.
    """
    parts = _parts(value, 2)
    if len(parts) < 2:
        raise ValueRefusedError("holds no (image, label)")
    image, label, *_ = parts
    if isinstance(image, Array) and image.value.dtype == np.uint8 and image.value.ndim == 1:
        image = image.value.tobytes()
    if not isinstance(image, bytes | bytearray):
        raise ValueRefusedError("holds no encoded image before its label")
    return bytes(image), _label(label)


def keys_in(value: memoryview) -> list[bytes]:
    """What `__keys__` holds; raises as `face_in` does."""
    found = [key.encode() if isinstance(key, str) else key for key in _parts(value)]
    if not all(isinstance(key, bytes) for key in found):
        raise ValueRefusedError("is no list of keys")
    return found


def count_in(value: memoryview) -> int | None:
    """What `__len__` or `__classnum__` holds, None where it is no number."""
    try:
        count = _unpickled(value) if _is_pickle(value) else item(value)
    except (NoMessageError, ValueRefusedError):
        return None
    count = count.value if isinstance(count, Number) else count
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _parts(value: memoryview, most: int | None = None) -> list[Any]:
    """The parts of a pair or a list; texts of MessagePack come as bytes."""
    if value[: len(_ARROW)] == _ARROW or value[: len(_LZ4)] == _LZ4:
        raise ValueRefusedError("was written by pyarrow.serialize, which no pyarrow of today can read")
    if not _is_pickle(value):
        try:
            return items(value, most)
        except NoMessageError:
            raise ValueRefusedError("is no whole MessagePack of a pair or list") from None
    parts = _unpickled(value)
    if not isinstance(parts, list | tuple):
        raise ValueRefusedError("is no pickle of a pair or list")
    return list(parts)


def _is_pickle(value: memoryview) -> bool:
    return len(value) > 1 and value[:1] in _PICKLE and value[-1:] == b"."


def _unpickled(value: memoryview) -> Any:
    try:
        return PlainUnpickler(io.BytesIO(value), encoding="bytes").load()
    except Refused as refusal:
        raise ValueRefusedError(f"is a pickle that holds {refusal}, which was not run") from None
    except Exception:  # a damaged pickle may raise anything
        raise ValueRefusedError("is no whole pickle") from None


def _label(label: Any) -> int | str:
    label = label.value if isinstance(label, Number) else label
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if isinstance(label, bytes):
        label = label.decode(errors="surrogateescape")
    if isinstance(label, bool) or not isinstance(label, int | str) or label == "":
        raise ValueRefusedError("holds no label")
    if isinstance(label, int) and not 0 <= label < _LARGEST:
        raise ValueRefusedError(f"holds the label {label}")
    return label
