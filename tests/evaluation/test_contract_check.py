import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfn.benchmarks.lfw import read_lfw
from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.contract import InputContract
from mfn.errors import BrokenImageError, DataError
from mfn.evaluation.contract_check import check_contract, sample_pairs
from mfn.evaluation.contract_report import ContractReport, Fit
from mfn.evaluation.conventions import PIXEL_RANGES, PlacedFaces, crop_conventions, pixel_conventions, pixel_name
from mfn.inference.embedder import FaceEmbedder
from mfn.models.layer_order import import_layer_order
from mfn.synthetic.dataset import SyntheticFaces

SIZE = (32, 32)


class RedSquare(nn.Module):
    """Answers with the red channel, squared: another colour order or mean gives other embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, batch: Tensor) -> Tensor:
        return self.scale * batch[:, 0, ::4, ::4].flatten(1) ** 2


class RedPixels:
    """Two images of each of 20 people: alike in red, noise in green and blue."""

    name = "red"

    def __init__(self, broken: int | None = None) -> None:
        self.broken = broken

    def __len__(self) -> int:
        return 40

    def image(self, index: int) -> np.ndarray:
        if index == self.broken:
            raise BrokenImageError("broken on purpose")
        image = np.random.default_rng(index).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        image[..., 0] = np.random.default_rng(1000 + index // 2).integers(0, 256, SIZE, dtype=np.uint8)
        return image

    def describe(self, index: int) -> str:
        return f"red {index}"


def red_pairs(**fields: object) -> VerificationSet:
    evens = np.arange(0, 40, 2)
    genuine = np.stack([evens, evens + 1], 1)
    impostor = np.stack([evens, np.roll(evens, 2) + 1], 1)
    pairs = np.stack([genuine, impostor], 1).reshape(-1, 2)
    return VerificationSet(
        **{
            "name": "red",
            "source": RedPixels(),
            "pairs": pairs,
            "is_same": np.tile([True, False], 20),
            "fold_of": consecutive_folds(40, 10),
        }
        | fields
    )


def embedder(**fields: object) -> FaceEmbedder:
    return FaceEmbedder(RedSquare(), InputContract.for_size(*SIZE, embedding_dim=64, **fields))


@pytest.fixture(scope="module")
def y1(shared: Path) -> FaceEmbedder:
    network, _, contract = import_layer_order(shared / "weights/y1.npz")
    return FaceEmbedder(network, contract)


@pytest.fixture(scope="module")
def few_lfw(shared: Path) -> VerificationSet:
    return sample_pairs(read_lfw(shared / "data/lfw"), 20, seed=0)


@pytest.mark.slow
def test_real_weights_fit_their_own_convention_and_a_lie_is_found(y1: FaceEmbedder, few_lfw: VerificationSet) -> None:
    honest = check_contract(y1, few_lfw)
    assert not honest.contradicts and honest.pairs == 20
    assert "fits: RGB (x-127.5)/128" in honest.conclusion
    fits = {fit.name: fit for fit in honest.others}
    assert fits["BGR (x-127.5)/128"].genuine < honest.declared.genuine - 0.02
    assert abs(fits["RGB (x-127.5)/127.5"].difference) < 0.002
    assert fits["RGB x"].difference < -0.3
    assert fits["not aligned (simulated)"].difference < fits["8 px to the right"].difference < 0


@pytest.mark.slow
def test_wrong_colour_order_is_told_with_its_cure(
    y1: FaceEmbedder, few_lfw: VerificationSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = {name: PIXEL_RANGES[name] for name in ("(x-127.5)/128", "x/255")}
    monkeypatch.setattr("mfn.evaluation.conventions.PIXEL_RANGES", ranges)
    liar = y1.with_contract(dataclasses.replace(y1.contract, color="BGR"))
    report = check_contract(liar, few_lfw)
    assert report.contradicts and report.better is not None and report.better.name == "RGB (x-127.5)/128"
    assert "not the best: RGB (x-127.5)/128" in report.conclusion


def test_figures_are_those_of_a_plain_calculation() -> None:
    pairs = red_pairs()
    report = check_contract(embedder(), pairs, sample=40)

    def cosines(color: str) -> np.ndarray:
        channel = 0 if color == "RGB" else 2
        images = np.stack([pairs.source.image(i)[::4, ::4, channel] for i in range(40)]).reshape(40, -1)
        values = ((images.astype(float) - 127.5) / 127.5) ** 2
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        return np.array([values[a] @ values[b] for a, b in pairs.pairs])

    right, wrong = cosines("RGB"), cosines("BGR")
    genuine, impostor = (wrong - right)[::2], (wrong - right)[1::2]
    swapped = next(fit for fit in report.others if fit.name == "BGR (x-127.5)/127.5")
    assert report.declared.genuine == pytest.approx(right[::2].mean(), abs=1e-5)
    assert report.declared.impostor == pytest.approx(right[1::2].mean(), abs=1e-5)
    assert (report.declared.difference, report.declared.error) == (0, 0)
    assert swapped.difference == pytest.approx(genuine.mean() - impostor.mean(), abs=1e-5)
    assert swapped.error == pytest.approx(np.sqrt(genuine.var(ddof=1) / 20 + impostor.var(ddof=1) / 20), abs=1e-5)
    assert report.declared.accuracy == 1.0
    rows = report.rows()
    assert len(rows) == 1 + 11 + 3 and rows[0]["name"] == "RGB (x-127.5)/127.5"
    assert rows[1]["difference"] == max(row["difference"] for row in rows[1:])


def test_files_that_normalise_inside_are_probed_for_colour_and_crop_only() -> None:
    inside = embedder(color="BGR")
    inside.network.takes_pixels = True
    report = check_contract(inside, red_pairs())
    assert len(report.skipped) == 10 and "RGB x/255" in report.skipped
    assert {fit.name for fit in report.others if "px" not in fit.name} == {
        "RGB (x-127.5)/127.5",
        "not aligned (simulated)",
    }


def test_broken_images() -> None:
    broken = RedPixels(broken=4)
    with pytest.raises(BrokenImageError, match="on purpose"):
        check_contract(embedder(), red_pairs(source=broken), sample=40)
    assert check_contract(embedder(), red_pairs(source=broken, strict=False), sample=40).pairs == 38


def test_sample_is_balanced_seeded_and_small() -> None:
    pairs = red_pairs()
    chosen = sample_pairs(pairs, 10, seed=3)
    assert chosen.is_same.sum() == 5 and len(chosen.pairs) == 10
    assert len(chosen.source) == len(np.unique(chosen.pairs)) <= 20
    for first, second in chosen.pairs:
        same = chosen.source.describe(first), chosen.source.describe(second)
        assert same in {(f"red {a}", f"red {b}") for a, b in pairs.pairs}
    again, other = sample_pairs(pairs, 10, seed=3), sample_pairs(pairs, 10, seed=4)
    names = [[part.source.describe(i) for i in part.pairs.ravel()] for part in (chosen, again, other)]
    assert names[0] == names[1] != names[2]
    assert len(sample_pairs(pairs, 1000, seed=0).pairs) == 40
    with pytest.raises(DataError, match="needs 2"):
        sample_pairs(red_pairs(pairs=pairs.pairs[::2], is_same=np.ones(20, bool), fold_of=np.arange(20)), 10, seed=0)


def test_conventions_leave_out_the_declared_one_and_keep_means_with_their_channels() -> None:
    usual = InputContract()
    assert len(pixel_conventions(usual)) == 11
    imagenet = next(c for c in pixel_conventions(usual) if c.name == "BGR ImageNet mean and std")
    assert imagenet.contract.mean == (103.53, 116.28, 123.675)
    own = InputContract(color="BGR", mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))
    assert pixel_name(own) == "BGR (x-(3.0, 2.0, 1.0))/(6.0, 5.0, 4.0)"
    assert len(pixel_conventions(own)) == 13
    assert next(c for c in pixel_conventions(own) if c.name.startswith("RGB (x-(3.0")).contract.std == (6.0, 5.0, 4.0)


@pytest.mark.parametrize("size", [(112, 112), (112, 96), (56, 56)])
def test_moved_faces(size: tuple[int, int]) -> None:
    faces = SyntheticFaces(1, 2, size)
    left, right, loose = (PlacedFaces(faces, size, c.place) for c in crop_conventions(InputContract.for_size(*size)))
    shift = 8 * size[0] // 112
    np.testing.assert_array_equal(left.image(1)[:, :-shift], faces.image(1)[:, shift:])
    np.testing.assert_array_equal(right.image(1)[:, shift:], faces.image(1)[:, :-shift])
    np.testing.assert_array_equal(loose.image(1), loose.image(1))
    assert loose.image(0).shape == (*size, 3)
    assert np.abs(loose.image(1).astype(int) - faces.image(1)).mean() > 3
    assert (len(left), left.describe(1)) == (2, faces.describe(1))


def fit(difference: float, error: float) -> Fit:
    return Fit("other", 0.9, 0.6, 0.0, difference, error)


@pytest.mark.parametrize(
    ("difference", "error", "better"),
    [(0.03, 0.005, True), (0.03, 0.011, False), (0.004, 0.0001, False), (-0.03, 0.001, False)],
)
def test_only_a_sure_difference_that_matters_warns(difference: float, error: float, better: bool) -> None:
    declared = Fit("mine", 0.9, 0.6, 0.0, 0.0, 0.0)
    report = ContractReport(300, declared, (fit(0.05, 0.1), fit(difference, error)), ())
    assert (report.better is not None) == better
    assert ("not the best" in report.conclusion) == better
