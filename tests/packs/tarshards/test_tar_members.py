import gzip
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from mfn.errors import DataError
from mfn.packs.tarshards.tar_members import TarListing
from tests.packs.tarshards.tars import face, write_tar

FACES = [entry for number in range(3) for entry in face(f"{number:03d}", number)]


def contents(path: Path) -> dict[str, bytes]:
    listing = TarListing(path)
    found = {member.name: bytes(listing.file[member.start : member.start + member.size]) for member in listing}
    assert not listing.damage
    return found


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_entries_lie_where_they_are_said_to(form: int, tmp_path: Path) -> None:
    long = "a/" * 60 + "Ünal 名前 " + "b" * 90 + ".jpg"
    entries = FACES if form == tarfile.USTAR_FORMAT else [*FACES, (long, b"far away")]
    assert contents(write_tar(tmp_path / "a.tar", entries, form)) == dict(entries)


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar program here")
@pytest.mark.parametrize("form", ["ustar", "gnu", "pax"])
def test_a_folder_packed_by_the_program_tar(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    for name, data in FACES:
        (folder / name).write_bytes(data)
    command = ["tar", f"--format={form}", "-cf", tmp_path / "a.tar", "-C", folder, "."]
    done = subprocess.run(command, capture_output=True)
    if done.returncode:
        pytest.skip("this tar program does not know the format")
    listing = TarListing(tmp_path / "a.tar")
    members = list(listing)
    assert not listing.damage
    assert {member.name.removeprefix("./") for member in members if member.is_file} == {name for name, _ in FACES}
    assert [member.is_folder for member in members].count(True) == 1


def test_links_and_devices_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("entry")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert [(member.is_file, member.is_folder) for member in TarListing(path)] == [(False, False)] * 3 + [(False, True)]


@pytest.mark.parametrize("cut", [1, 511, 512, 513, 1000, 2000, 2048, 3000])
def test_a_file_that_breaks_off_says_so_and_gives_what_is_before(cut: int, tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FACES)
    os.truncate(path, cut)
    listing = TarListing(path)
    whole = [member.name for member in listing if member.start + member.size <= cut]
    assert listing.damage
    assert whole == [name for name, _ in FACES][: len(whole)] and len(whole) < len(FACES)


def test_a_damaged_header_ends_the_entries_and_says_so(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FACES)
    start = [member.start for member in TarListing(path)][2] - 512
    data = bytearray(path.read_bytes())
    data[start : start + 512] = os.urandom(512)
    path.write_bytes(data)
    listing = TarListing(path)
    assert len(list(listing)) == 2 and f"byte {start}" in listing.damage


def test_a_file_without_its_end_mark_is_cut_short(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FACES)
    *_, last = TarListing(path)
    os.truncate(path, last.start + 512)
    listing = TarListing(path)
    assert len(list(listing)) == len(FACES) and "without the mark of its end" in listing.damage


@pytest.mark.parametrize("data", [b"", b"nothing of a tar" * 100, os.urandom(5000)])
def test_what_is_no_tar_file_says_so(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    listing = TarListing(tmp_path / "a.tar")
    assert not list(listing) and listing.damage


def _header(name: str, size: bytes) -> bytes:
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size.ljust(12, b"\0")
    block[148:156] = b"%06o\0 " % (256 + sum(block[:148]) + sum(block[156:512]))
    return bytes(block)


@pytest.mark.parametrize(
    "size",
    [b"\xff" * 12, b"\xff" * 8 + b"\x00\x00\x00\x00", b"\x80" + b"\xff" * 11, b"\x80\0\0\0" + b"\x7f" + b"\xff" * 7,
     b"77777777777"],
    ids=["-1", "negative", "huge", "2^63", "8 GB"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.jpg", "././@LongLink"])
def test_sizes_that_lie_end_the_entries(size: bytes, name: str, tmp_path: Path) -> None:
    block = bytearray(_header(name, size))
    if "Long" in name:
        block[156:157] = b"L"
        block[148:156] = b"%06o\0 " % (256 + sum(block[:148]) + sum(block[156:512]))
    (tmp_path / "a.tar").write_bytes(bytes(block) + bytes(4096))
    listing = TarListing(tmp_path / "a.tar")
    assert len(list(listing)) <= 1 and listing.damage


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: b"\x28\xb5\x2f\xfd" + data])
def test_a_compressed_file_is_refused_with_what_unpacks_it(pack: object, tmp_path: Path) -> None:
    plain = io.BytesIO(write_tar(tmp_path / "a.tar", FACES).read_bytes()).getvalue()
    (tmp_path / "a.tar").write_bytes(pack(plain))
    with pytest.raises(DataError, match=r"a\.tar is compressed, .*: unpack it \((gunzip|unzstd)\)"):
        TarListing(tmp_path / "a.tar")
