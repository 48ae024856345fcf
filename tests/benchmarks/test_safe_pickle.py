import collections
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks import safe_pickle
from mfn.errors import DataError

JPEG = bytes(range(256))


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "pack.bin"
    path.write_bytes(data)
    return path


def loaded(tmp_path: Path, value: Any, protocol: int) -> Any:
    return safe_pickle.load(write(tmp_path, pickle.dumps(value, protocol)))


def refusal(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        safe_pickle.load(write(tmp_path, data))
    assert str(tmp_path / "pack.bin") in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_packs_hold(tmp_path: Path, protocol: int) -> None:
    plain = ([JPEG, bytearray(JPEG), b"", bytearray()], (True, False))
    assert loaded(tmp_path, plain, protocol) == plain
    images = [np.frombuffer(JPEG, np.uint8).copy(), np.arange(12, dtype=np.uint8).reshape(3, 4).T]
    flags = np.array([True, False])
    got_images, got_flags = loaded(tmp_path, (images, flags), protocol)
    for got, wanted in zip([*got_images, got_flags], [*images, flags], strict=True):
        assert got.dtype == wanted.dtype and np.array_equal(got, wanted)
    got = loaded(tmp_path, [np.True_, np.False_], protocol)
    assert got == [True, False] and {type(flag) for flag in got} == {bool}


@pytest.mark.parametrize(
    "data",
    [  # written by Python 2.7: protocols 0, 1, 2
        b"((lp0\nS'\\xff\\xd8a'\np1\nac__builtin__\nbytearray\np2\n(V\xff\xd8b\np3\nS'latin-1'\np4\ntp5\nRp6\na(lp7\n"
        b"I01\naI00\natp8\n.",
        b"(]q\x00(U\x03\xff\xd8aq\x01c__builtin__\nbytearray\nq\x02(X\x05\x00\x00\x00\xc3\xbf\xc3\x98bq\x03U\x07latin-1"
        b"q\x04tq\x05Rq\x06e]q\x07(I01\nI00\netq\x08.",
        b"\x80\x02]q\x00(U\x03\xff\xd8aq\x01c__builtin__\nbytearray\nq\x02X\x05\x00\x00\x00\xc3\xbf\xc3\x98bq\x03U\x07"
        b"latin-1q\x04\x86q\x05Rq\x06e]q\x07(\x88\x89e\x86q\x08.",
    ],
)
def test_pickles_of_python_2(tmp_path: Path, data: bytes) -> None:
    assert safe_pickle.load(write(tmp_path, data)) == ([b"\xff\xd8a", bytearray(b"\xff\xd8b")], [True, False])


def test_arrays_of_python_2_and_old_numpy(tmp_path: Path) -> None:
    new = pickle.dumps([np.arange(3, dtype=np.uint8)], 2)
    old = new.replace(b"numpy._core", b"numpy.core").replace(b"X\x01\x00\x00\x00b", b"U\x01b")
    assert old != new and safe_pickle.load(write(tmp_path, old))[0].tolist() == [0, 1, 2]


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.call = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("named", "function"), [("system", os.system), ("eval", eval), ("exec", exec), ("getattr", getattr)]
)
def test_code_in_a_pack_does_not_run(tmp_path: Path, named: str, function: Any, protocol: int) -> None:
    marker = tmp_path / "marker"
    argument = f"touch {marker}" if function is os.system else f"open({str(marker)!r}, 'w').close()"
    harmful = pickle.dumps(([JPEG, [Calls(function, argument)]], [True]), protocol)
    said = refusal(tmp_path, harmful)
    assert "refused" in said and named in said and not marker.exists()
    pickle.loads(harmful) if function is os.system else None
    assert marker.exists() == (function is os.system)  # the pickle does run where nothing stops it


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"cos\nsystem\n.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),  # INST
        (b"(cos\nsystem\nS'true'\no.", "os.system"),  # OBJ
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x0dbytes.fromhex\x93.", "bytes.fromhex"),
        (b"c__builtin__\nbytes\n(I1000000000\ntR.", "a call of __builtin__.bytes"),
        (b"cnumpy\nndarray\n(I3\ntR.", "a call of numpy.ndarray"),
        (b"cnumpy\nndarray\n.", "the bare name numpy.ndarray"),
        (b"cbuiltins\nbytes\n}S'x'\nI1\nsb.", "a changed builtins.bytes"),  # BUILD
        (b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", "a numpy type 'O8'"),
        (b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR.", "a numpy type 'f4'"),
        (b"c_codecs\nencode\n(Va\nS'rot13'\ntR.", "a call of _codecs.encode"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(tRI5\nb.", "a malformed numpy array"),
    ],
)
def test_tricks_are_refused_by_name(tmp_path: Path, data: bytes, named: str) -> None:
    assert named in refusal(tmp_path, data)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"a": 1}, "dict"),
        ([1], "holds int"),
        (["text"], "holds str"),
        ([None], "NoneType"),
        ([1.5], "float"),
        ({1}, "set"),
        ([np.array([None])], "a numpy type 'O8'"),
        ([np.zeros(2, np.float32)], "a numpy type 'f4'"),
        ([np.uint8(3)], "a number of numpy"),
        (collections.OrderedDict(), "collections.OrderedDict"),
        (Path("x"), "pathlib"),
        ([[[[[b""]]]]], "nested too deeply"),
        (Calls(bytearray, 5), "a call of builtins.bytearray"),
        (Calls(bytearray, b"a", state={"x": 1}), ""),
    ],
)
def test_everything_else_is_refused_by_name(tmp_path: Path, value: Any, named: str) -> None:
    assert named in refusal(tmp_path, pickle.dumps(value, 4))


def test_cycles_end(tmp_path: Path) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    assert "nested too deeply" in refusal(tmp_path, pickle.dumps(cycle))


def test_truncated_at_every_byte(tmp_path: Path) -> None:
    whole = pickle.dumps(([JPEG, np.zeros(2, np.uint8)], [True]), 2)
    for end in range(len(whole)):
        assert "no whole pickle" in refusal(tmp_path, whole[:end])


def test_persistent_ids_and_noise(tmp_path: Path) -> None:
    assert "no whole pickle" in refusal(tmp_path, b"Pname\n.")
    assert "no whole pickle" in refusal(tmp_path, b"\xff\xd8\xff\xe0 a JPEG")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        safe_pickle.load(tmp_path / "pack.bin")
