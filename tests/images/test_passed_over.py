"""Training goes on without what is damaged in its data, and says what that is."""

import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.packs.record import Record
from mfn.packs.record_index import parse_index
from mfn.packs.recordio import RecordWriter
from tests.scripts import TINY, run_script

STAFF = [20_000_000 + number for number in range(8)]
"""Numbers of employees, which a float32 does not tell apart."""


def write_pack(folder: Path) -> Path:
    """A pack of its own name, with the list beside it that tells who is who; one record is damaged."""
    records, index, lines = folder / "staff.REC", folder / "staff.IDX", []
    rng = np.random.default_rng(0)
    with RecordWriter(records, index) as writer:
        for key, label in enumerate(np.repeat(STAFF, 8).tolist(), start=1):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            label_field = np.array([label]).astype(np.float32)
            writer.write(key, Record(0, label_field, key, 0, cv2.imencode(".jpg", pixels)[1].tobytes()))
            lines.append(f"{key}\t{label}.000000\tstaff/{label}/{key}.jpg\r\n")
    (folder / "staff.LST").write_text("".join(lines))
    keys, offsets = parse_index(index)
    data = bytearray(records.read_bytes())
    data[int(offsets[keys == 20][0])] ^= 0xFF
    records.write_bytes(data)
    return records


@pytest.mark.slow
def test_a_damaged_record_costs_one_image_and_is_listed(tmp_path: Path) -> None:
    records = write_pack(tmp_path)
    words = [word for word in TINY if not word.startswith("data")]
    data = ["data=ms1m", f"data.root={records}", "data.batch_size=8", "data.num_workers=0", "data.val_pairs=20"]
    done = run_script("train", *words, *data, "trainer.max_epochs=1", "hydra.run.dir=run", cwd=tmp_path)
    assert re.search(r"^ *identities +8 *$", done.output, re.MULTILINE)
    assert "passed over: damaged records" in done.output and "1: record 20" in done.output
    with (tmp_path / "run/passed_over.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["name", "reason"], ["record 20", "damaged records"]]
    assert not (tmp_path / "run/broken_images.csv").exists()
