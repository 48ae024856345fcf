"""``mfn overlap`` on drawn people: what is planted is found, and the training set without it is a pack."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.commands.main import main
from mfn.packs.pack_writer import PackWriter
from mfn.sources.encode import png
from mfn.sources.open_faces import open_faces
from mfn.synthetic.dataset import SyntheticFaces
from tests.commands.recognising import say
from tests.small_run import SIZE, save_small_checkpoint

PEOPLE, IMAGES = 6, 3


@pytest.fixture
def faces() -> SyntheticFaces:
    return SyntheticFaces(PEOPLE, IMAGES, image_size=SIZE)


@pytest.fixture
def pack(tmp_path: Path, faces: SyntheticFaces) -> Path:
    with PackWriter(tmp_path / "pack", SIZE, label_names=[f"näme {n}" for n in range(PEOPLE)]) as writer:
        for index in range(len(faces)):
            writer.add(int(faces.labels[index]), png(faces.image(index)), f"im{index}")
    return tmp_path / "pack"


@pytest.fixture
def benchmark(tmp_path: Path, faces: SyntheticFaces) -> Path:
    """Two people: one of the pack, of whom an image is there again as a JPEG, and a stranger."""
    strangers = SyntheticFaces(PEOPLE + 9, IMAGES, image_size=SIZE)
    copied = int(np.flatnonzero(faces.labels == 2)[0])
    other = np.flatnonzero(strangers.labels == PEOPLE + 5)[:2]
    for name, images in {"=cöpied": [faces.image(copied)], "other": [strangers.image(int(i)) for i in other]}.items():
        (tmp_path / "set" / name).mkdir(parents=True)
        for number, image in enumerate(images):
            data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
            (tmp_path / "set" / name / f"{number}.jpg").write_bytes(data.tobytes())
    (tmp_path / "set" / "other" / "broken.jpg").write_bytes(b"\xff\xd8\xff junk")
    return tmp_path / "set"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_planted_image_is_found_and_its_person_left_out(pack: Path, benchmark: Path, tmp_path: Path) -> None:
    out, filtered = tmp_path / "found", tmp_path / "filtered"
    words = ["overlap", str(pack), str(benchmark), "--output", str(out), "--filtered", str(filtered), "--bits", "2"]
    main([*words, "--likeness", "0.99"])
    found = rows(out / "images.csv")
    assert [(row["benchmark_person"], row["training_person"]) for row in found] == [("./=cöpied", "näme 2")]
    record = json.loads((filtered / "overlap.json").read_text())
    assert record["copies"]["training_images"] == 1 and record["people"] is None
    assert record["unreadable"] == {"pack": 0, "set": 1}
    assert record["filtered_images"] == (PEOPLE - 1) * IMAGES
    left = open_faces(filtered)
    assert left.label_names == {label: f"näme {n}" for label, n in enumerate([0, 1, 3, 4, 5])}
    assert len(left) == (PEOPLE - 1) * IMAGES and np.unique(left.labels).tolist() == [0, 1, 2, 3, 4]
    assert (out / "images.png").is_file() and not (out / "people.csv").exists()
    main(["overlap", str(filtered), str(benchmark), "--output", str(out), "--bits", "2", "--likeness", "0.99"])
    assert rows(out / "images.csv") == [] and not (out / "images.png").exists()


def test_people_are_found_by_a_network(pack: Path, benchmark: Path, tmp_path: Path) -> None:
    model = save_small_checkpoint(tmp_path)
    model = model if isinstance(model, Path) and model.is_file() else tmp_path / "net.ckpt"
    out = tmp_path / "found"
    main(["overlap", str(pack), str(benchmark), "--model", str(model), "--threshold", "-1", "--output", str(out)])
    found = rows(out / "people.csv")
    assert len(found) == 2 * PEOPLE
    assert [float(row["cosine"]) for row in found] == sorted((float(row["cosine"]) for row in found), reverse=True)
    assert {row["benchmark_images"] for row in found if row["benchmark_person"] == "other"} == {"2"}
    assert any(row["near_copies"] == "1" for row in found if row["training_person"] == "näme 2")
    assert (out / "people.png").is_file()
    assert json.loads((out / "overlap.json").read_text())["people"]["benchmark_people"] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--bits", "16"], "--bits must be from 0 to 15"),
        (["--threshold", "0.5"], "go with --model"),
        (["--filtered", "{pack}"], "holds something already"),
        (["--output", "{pack}"], "did not write"),
        (["--output", "{new}", "--filtered", "{new}/inside"], "none inside the other"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_touched(
    words: list[str],
    says: str,
    pack: Path,
    benchmark: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    typed = [word.format(pack=pack, new=tmp_path / "new") for word in words]
    default = [] if "--output" in typed else ["--output", str(tmp_path / "out")]
    status, _, told = say("overlap", pack, benchmark, *typed, *default, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1 and says in told
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_a_training_set_of_which_nobody_is_left_is_not_written(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["overlap", str(pack), str(pack), "--output", str(tmp_path / "o"), "--filtered", str(tmp_path / "f")])
    assert not (tmp_path / "f").exists() or not any((tmp_path / "f").iterdir())
