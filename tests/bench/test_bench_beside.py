from pathlib import Path

import pytest

from mfn.bench.beside import bench_beside
from mfn.errors import DataError
from tests.packs.tarshards.tars import face, write_tar
from tests.sources.files import write_pack


def test_forms_of_the_same_images_are_measured_in_turns(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    pack = write_pack(tmp_path / "pack", {0.0: 4, 1.0: 4})
    tars = tmp_path / "tars"
    write_tar(tars / "a.tar", [entry for number in range(8) for entry in face(f"{number}", number // 4, number)])
    rows = bench_beside(pack, [tars], images=16, rounds=2)
    assert [(row["what"], row["form"]) for row in rows] == [
        (what, str(form)) for what in ("bytes read", "read and decoded", "whole loader") for form in (pack, tars)
    ]
    assert all(float(row["per_second"]) > 0 and float(row["to_first"]) > 0 for row in rows)
    assert all(row["to_first"] == 1 for row in rows[::2])
    write_tar(tars / "b.tar", face("9", 1))
    with pytest.raises(DataError, match=r"not the same images, \[8, 9\]"):
        bench_beside(pack, [tars], images=16, rounds=2)
