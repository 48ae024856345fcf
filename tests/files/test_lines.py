from pathlib import Path

import pytest

from mfn.errors import DataError
from mfn.files.lines import divider_of, fields, label, numbered_lines, read_text, slashed, table, whole_number


def written(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "list.txt").write_bytes(data)
    return tmp_path / "list.txt"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_of_any_system_keep_their_numbers(tmp_path: Path, end: bytes, mark: bytes) -> None:
    path = written(tmp_path, mark + end.join(["José 1".encode(), b"", b" \tb\t ", b"a\x0bb\xe2\x80\xa8c", b""]))
    assert numbered_lines(path) == [(1, "José 1"), (3, "b"), (4, "a\x0bb\u2028c")]


def test_names_of_any_bytes_come_back(tmp_path: Path) -> None:
    assert read_text(written(tmp_path, b"caf\xe9.jpg 1")).encode(errors="surrogateescape") == b"caf\xe9.jpg 1"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_where_it_says_so_and_told_where_not(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "José 1\n".encode(encoding))
    if encoding == "utf-16":
        assert numbered_lines(path) == [(1, "José 1")]
    else:
        with pytest.raises(DataError, match=r"list\.txt is no text: .* save it there as UTF-8"):
            read_text(path)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path / "x")


@pytest.mark.parametrize(
    ("line", "divider", "columns"),
    [
        ("a.jpg b.jpg 1", None, ["a.jpg", "b.jpg", "1"]),
        ("a.jpg \t b b.jpg\t1 \t", None, ["a.jpg", "b b.jpg", "1"]),
        ("a.jpg ,b b.jpg, 1,,", ",", ["a.jpg", "b b.jpg", "1"]),
        ("a.jpg;b,c.jpg;1.0;", ";", ["a.jpg", "b,c.jpg", "1.0"]),
        ('"a b.jpg"  "c.jpg" 1', None, ["a b.jpg", "c.jpg", "1"]),
        ('"a,b.jpg","c ""d"".jpg",1', ",", ["a,b.jpg", 'c "d".jpg', "1"]),
        ('a" b.jpg 1', None, ['a"', "b.jpg", "1"]),
        ("山田　太郎.jpg b.jpg 0", None, ["山田　太郎.jpg", "b.jpg", "0"]),
        ("a,,1", ",", ["a", "", "1"]),
        ('"' + 200_000 * "x" + '",b,1', ",", ['"' + 200_000 * "x" + '"', "b", "1"]),
    ],
)
def test_columns(line: str, divider: str | None, columns: list[str]) -> None:
    assert fields(line, divider) == columns


@pytest.mark.parametrize(
    ("lines", "divider"),
    [
        (["a b 1", "a,x b 1"], None),
        (["10", "a,b,1", "c,d,0,"], ","),
        (["a,b;c;1", "d;e;0"], ";"),
        (["a,b,1;", "c,d,0;"], ","),
        (["a\tb\t1", "c,d,0"], ","),
        ([], None),
    ],
)
def test_a_mark_divides_where_every_line_has_it(lines: list[str], divider: str | None) -> None:
    assert divider_of(lines) == divider


def test_a_table_has_numbered_rows(tmp_path: Path) -> None:
    assert table(written(tmp_path, b"a;b;1;\r\n\r\nc;d;0;\r\n")) == [(1, ["a", "b", "1"]), (3, ["c", "d", "0"])]


def test_numbers_as_other_programs_write_them() -> None:
    assert [whole_number(text) for text in ("7", "007", "4.0", "-1", "²", "1.5", "", "9" * 5000, "٣")] == [
        *(7, 7, 4),
        *[None] * 6,
    ]
    assert [label(text) for text in ("1", "0", "-1", "+1", "1.0", "-1.0", "0.", "0.5", "same", "²")] == [
        *(1, 0, -1, 1, 1, -1, 0),
        *[None] * 3,
    ]


def test_slashes() -> None:
    assert slashed(r"a\b/c.jpg") == "a/b/c.jpg"
