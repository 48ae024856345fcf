from itertools import product

import numpy as np
import pytest

from mfn.align.warp import align_face
from mfn.contract import ARCFACE_112, InputContract
from mfn.errors import BrokenImageError, ConfigError
from mfn.sources.fit import ALIGNED_CROPS, Fit, Size, cut_middle
from tests.align.drawn import MARGIN, SIDE, photo

POINTS = np.array(ARCFACE_112) * SIDE / 112 + MARGIN
WANTED: tuple[Size, ...] = (*ALIGNED_CROPS, (64, 64), (56, 48), (32, 32), (48, 40), (112, 64), (112, 97), (100, 90))
EXACT = [(have, want) for have, want in product(ALIGNED_CROPS, WANTED) if Fit(want).takes(have) and have[1] >= want[1]]
WIDENED = ((112, 96), (112, 112))


def crop(size: Size, index: int = 0) -> np.ndarray:
    """One photo aligned to a crop of this size."""
    return align_face(photo(index), POINTS, InputContract.for_size(*size))


@pytest.mark.parametrize(("have", "want"), EXACT)
def test_an_aligned_crop_becomes_the_crop_that_aligning_to_its_size_gives(have: Size, want: Size) -> None:
    made, wanted = Fit(want)(crop(have), "it").astype(int), crop(want).astype(int)
    assert made.shape == (*want, 3)
    if have[0] == want[0] and (have[1] - want[1]) % 2 == 0:
        assert np.array_equal(made, wanted)
    moved = [np.roll(wanted, step, axis) for axis in (0, 1) for step in (-1, 1)]
    error, *errors = (np.abs(made - other)[1:-1, 1:-1].mean() for other in (wanted, *moved))
    assert error < 0.75 * min(errors) or 2 * want[0] < have[0]  # of which aligning takes single pixels, not means


@pytest.mark.parametrize(("have", "want"), EXACT)
def test_every_place_of_the_crop_lands_within_half_a_pixel(have: Size, want: Size) -> None:
    places = np.stack(np.mgrid[: have[0], : have[1]], -1) * 2  # even numbers, to read half pixels
    ramp = np.concatenate([places, places[..., :1]], -1).astype(np.uint8)
    landed = Fit(want)(ramp, "it")[..., :2] / 2
    scale = want[0] / have[0]
    y, x = np.mgrid[: want[0], : want[1]]
    expected = np.stack([y / scale, (x - want[1] / 2) / scale + have[1] / 2], -1)
    assert np.abs(landed - expected).max() * scale <= 0.5 + 0.25 * scale  # a quarter is lost to whole grey levels


@pytest.mark.parametrize("rule", ["exact", "resize"])
def test_the_narrow_crop_becomes_the_square_one_with_black_where_it_shows_nothing(rule: str) -> None:
    narrow, square = WIDENED
    made = Fit(square, rule)(crop(narrow), "it")
    assert np.array_equal(made[:, 8:-8], crop(square)[:, 8:-8])
    assert not made[:, :8].any() and not made[:, -8:].any()
    assert np.array_equal(Fit(narrow, rule)(made, "it"), crop(narrow))


@pytest.mark.parametrize(("have", "want"), [((112, 96), (96, 96)), ((96, 96), (112, 96)), ((96, 96), (112, 112))])
def test_resize_keeps_the_points_of_a_known_crop_in_their_places(have: Size, want: Size) -> None:
    made, wanted = Fit(want, "resize")(crop(have), "it").astype(int), crop(want).astype(int)
    seen = slice(8, -8) if want[1] * have[0] > have[1] * want[0] else slice(None)
    turned = cut_middle(crop(have), want).astype(int)
    error, guessed = (np.abs(other - wanted)[:, seen].mean() for other in (made, turned))
    assert error < 4 and (error < 0.5 * guessed or np.array_equal(made, turned))


def test_the_exact_conversions_are_these() -> None:
    assert {have for have, want in EXACT if want == (112, 96)} == {(112, 112), (112, 96)}
    assert {have for have in ALIGNED_CROPS if Fit((112, 112)).takes(have)} == {(112, 112), (112, 96)}
    assert {have for have, want in EXACT if want == (96, 96)} == {(112, 112), (96, 96)}
    assert {have for have, want in EXACT if want == (56, 48)} == set(ALIGNED_CROPS)
    assert {have for have, want in EXACT if want == (64, 64)} == {(112, 112), (96, 96)}


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ((250, 250), (112, 112)),
        ((160, 160), (112, 112)),
        ((128, 128), (112, 112)),
        ((178, 218), (112, 96)),
        ((768, 1024), (112, 112)),
        ((112, 96), (96, 96)),
        ((96, 96), (112, 112)),
        ((96, 96), (112, 96)),
        ((112, 112), (128, 128)),
        ((112, 112), (112, 128)),
        ((96, 112), (112, 96)),
        ((1, 5), (112, 112)),
    ],
)
def test_what_would_be_guessed_is_refused_and_resized_where_asked_for(have: Size, want: Size) -> None:
    image = np.zeros((*have, 3), np.uint8)
    with pytest.raises(BrokenImageError) as refused:
        Fit(want)(image, "train.rec record 17")
    assert str(refused.value).startswith(f"train.rec record 17 is {have[0]}x{have[1]}, and {want[0]}x{want[1]} is made")
    assert Fit(want).outcome(have) == "left out"
    assert Fit(want, "resize")(image, "it").shape == (*want, 3)


def test_a_message_names_what_would_do() -> None:
    assert Fit((112, 96)).sources == "112x96 is made exactly of aligned crops of 112x96 or 112x112 only"
    assert Fit((160, 160)).sources == "160x160 is made exactly of aligned crops of 160x160 only"
    assert Fit((112, 112), crops=((128, 128),)).sources.endswith("of 112x112 or 128x128 only")
    assert Fit((56, 48)).sources.endswith("crops of 56x48, 112x112, 112x96 or 96x96 only")


@pytest.mark.parametrize("rule", ["exact", "resize"])
def test_an_image_of_the_size_is_not_touched(rule: str) -> None:
    image = np.zeros((40, 30, 3), np.uint8)
    assert Fit((40, 30), rule)(image, "it") is image


@pytest.mark.parametrize(("have", "want"), EXACT)
def test_resize_does_the_same_where_it_can_be_exact(have: Size, want: Size) -> None:
    assert np.array_equal(Fit(want, "resize")(crop(have), "it"), Fit(want)(crop(have), "it"))


@pytest.mark.parametrize("size", [(112, 112), (112, 96)])
@pytest.mark.parametrize("shape", [(300, 200), (90, 400), (20, 30), (1, 5)])
def test_the_middle_is_not_distorted(size: Size, shape: Size) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    picture = np.stack([255 * x / shape[1], 255 * y / shape[0], 0 * x], -1).astype(np.uint8)
    middle = cut_middle(picture, size)
    assert middle.shape == (*size, 3)
    if min(shape) >= 20:
        np.testing.assert_allclose(middle.mean((0, 1))[:2], 127.5, atol=5)
        span = np.ptp(middle[..., :2].astype(int), axis=(0, 1)) * shape[::-1] / 255
        assert span[0] / span[1] == pytest.approx(size[1] / size[0], rel=0.08)
        assert np.isclose(span, shape[::-1], rtol=0.08).any()


@pytest.mark.parametrize(
    ("have", "want", "words"),
    [
        ((112, 112), (112, 112), ""),
        ((112, 112), (112, 96), "cut to 112x96"),
        ((112, 96), (112, 112), "widened to 112x112"),
        ((112, 96), (160, 160), "scaled and widened to 160x160"),
        ((112, 112), (64, 64), "scaled to 64x64"),
        ((112, 112), (56, 48), "scaled and cut to 56x48"),
        ((250, 250), (112, 112), "scaled to 112x112"),
        ((768, 1024), (112, 112), "scaled and cut to 112x112"),
        ((64, 64), (112, 112), "scaled to 112x112"),
    ],
)
def test_what_happens_is_told_in_words(have: Size, want: Size, words: str) -> None:
    assert Fit(want, "resize").outcome(have) == words


def test_another_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="fit=squash must be one of exact, resize"):
        Fit((112, 112), "squash")
