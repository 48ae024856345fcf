from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.ijb import read_ijb
from mfn.errors import DataError
from tests.benchmarks.ijb_files import PEOPLE, template_of, write_ijb


@pytest.mark.parametrize("name", ["ijbc", "ijbb"])
@pytest.mark.parametrize("below", ["", "IJB?", "ijb?"])
def test_everything_is_read_in_the_order_of_the_files(tmp_path: Path, name: str, below: str) -> None:
    faces = write_ijb(tmp_path / below.replace("?", name[-1].upper() if below.isupper() else name[-1]), name)
    ijb = read_ijb(tmp_path, name)
    assert (ijb.name, ijb.missing) == (name, ())
    assert [Path(path).name for path in ijb.source.paths] == [face.image for face in faces]
    np.testing.assert_allclose(ijb.landmarks, [face.points for face in faces], atol=6e-4)
    np.testing.assert_allclose(ijb.scores, [face.score for face in faces], atol=6e-4)
    np.testing.assert_array_equal(ijb.templates, [face.template for face in faces])
    np.testing.assert_array_equal(ijb.media, [face.medium for face in faces])
    assert ijb.pairs.shape == (2 * PEOPLE**2, 2) and ijb.is_same.sum() == 2 * PEOPLE
    assert ijb.pairs[1].tolist() == [template_of(0, 0), template_of(0, 2)]
    assert list(ijb.galleries) == (["G1", "G2"] if name == "ijbc" else ["S1", "S2"])
    first = next(iter(ijb.galleries.values()))
    assert dict(zip(*map(np.ndarray.tolist, first), strict=True)) == {template_of(p, 0): p for p in (0, 2, 4)}
    assert len(ijb.probes.templates) == 2 * PEOPLE
    assert ijb.source.image(0).shape == (160, 160, 3)


def test_missing_images_are_listed_and_left_out_only_if_asked(tmp_path: Path) -> None:
    faces = write_ijb(tmp_path)
    for face in faces[:6]:
        (tmp_path / "loose_crop" / face.image).unlink()
    with pytest.raises(DataError, match=r"lacks 6 of the 36 images .* 1\.png, .* 5\.png, \.\.\.; .*allow_missing"):
        read_ijb(tmp_path)
    ijb = read_ijb(tmp_path, allow_missing=True)
    assert ijb.missing == tuple(face.image for face in faces[:6])
    assert len(ijb.source) == len(ijb.templates) == len(ijb.media) == len(ijb.landmarks) == len(ijb.scores) == 30
    assert ijb.templates[0] == faces[6].template and Path(ijb.source.paths[0]).name == faces[6].image
    for path in (tmp_path / "loose_crop").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="lacks 36"):
        read_ijb(tmp_path, allow_missing=True)


def test_faults_of_the_files_are_named(tmp_path: Path) -> None:
    write_ijb(tmp_path)
    meta = tmp_path / "meta"

    def fault(file: str, old: str, new: str, message: str) -> None:
        path = meta / f"ijbc_{file}"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(DataError, match=message):
            read_ijb(tmp_path)
        path.write_text(text)

    fault("face_tid_mid.txt", "\n3.png", "\n33.png", "differ in line 3")
    fault("face_tid_mid.txt", "36.png 952 530\n", "", "differ in line 36")
    fault("name_5pts_score.txt", "2.png ", "2.png x ", "name_5pts_score.txt is not as it should be")
    fault("template_pair_label.txt", "1000 1001 1\n", "1000 1001\n", "pair_label.txt is not as it should be")
    fault("template_pair_label.txt", "1000 1001 1\n", "1000 77 1\n", r"without images: \[1000, 77\]")
    fault("1N_gallery_G1.csv", "1000,0,", "1000,5,", "template 1000 to two people")
    (meta / "ijbc_1N_probe_mixed.csv").unlink()
    with pytest.raises(DataError, match=r"probe_mixed\.csv cannot be read"):
        read_ijb(tmp_path)
    with pytest.raises(DataError, match="holds no folder 'meta'"):
        read_ijb(tmp_path / "meta")
    with pytest.raises(DataError, match="ijba is none"):
        read_ijb(tmp_path, "ijba")


def test_files_of_another_system_are_read_alike(tmp_path: Path) -> None:
    faces = write_ijb(tmp_path)
    plain = read_ijb(tmp_path)
    for file in (tmp_path / "meta").iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    for face in faces[::2]:
        file = tmp_path / "loose_crop" / face.image
        file.rename(file.with_name(f"{file.stem}.JPG"))
    other = read_ijb(tmp_path)
    for field in ("landmarks", "scores", "templates", "media", "pairs", "is_same"):
        np.testing.assert_array_equal(getattr(other, field), getattr(plain, field))
    assert [Path(path).stem for path in other.source.paths] == [Path(path).stem for path in plain.source.paths]
    assert other.source.paths[0].endswith(".JPG") and other.source.image(0).shape == (160, 160, 3)


@pytest.mark.parametrize(
    "file", ["face_tid_mid.txt", "name_5pts_score.txt", "template_pair_label.txt", "1N_gallery_G2.csv"]
)
def test_empty_files_are_named(tmp_path: Path, file: str) -> None:
    write_ijb(tmp_path)
    path = tmp_path / "meta" / f"ijbc_{file}"
    path.write_text("TEMPLATE_ID,SUBJECT_ID,FILENAME\n" if file.endswith(".csv") else "")
    with pytest.raises(DataError, match=rf"{file} holds no lines"):
        read_ijb(tmp_path)
