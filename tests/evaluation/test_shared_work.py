"""Images embedded by several processes: what one process has, and one error for all."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.errors import BrokenImageError, DataError, MfnError
from mfn.evaluation import shared_work
from mfn.evaluation.contract_check import check_contract
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.verification import evaluate_verification
from mfn.ranks import ranks
from mfn.synthetic.dataset import SyntheticFaces
from tests.evaluation.tiny import tiny_embedder
from tests.gloo import on_ranks

SIZE = (48, 48)


def faces(count: int, broken: tuple[int, ...] = (), wrong: tuple[int, ...] = ()) -> SyntheticFaces:
    """Images of which some are broken, and at some of which the program breaks."""
    source = SyntheticFaces(max(1, count // 4), min(count, 4), SIZE)
    image = source.image

    def sometimes(index: int) -> np.ndarray:
        if index in broken:
            raise BrokenImageError(f"image {index} is cut short")
        if index in wrong:
            raise ZeroDivisionError(f"image {index} is too much")
        return image(index)

    source.image = sometimes  # type: ignore[method-assign]
    return source


def pairs() -> VerificationSet:
    drawn = np.array([[i, (i // 4) * 4 + (i + 1) % 4] if i % 2 else [i, (i + 4) % 24] for i in range(24)] * 3)
    return VerificationSet("mine", faces(24), drawn, np.arange(72) % 2 == 1, consecutive_folds(72, 6))


def embedded(rank: int, size: int, count: int, batch_size: int, flip: str, broken: tuple[int, ...]) -> list[Any]:
    found = embed_images(
        tiny_embedder(SIZE), faces(count, broken), flip=flip, batch_size=batch_size, strict=False, share=ranks()
    )
    return [found.positions, found.plain, found.mirrored]


@pytest.mark.parametrize(
    ("size", "count", "batch_size", "flip", "broken"),
    [(2, 24, 5, "sum", ()), (3, 24, 1, "none", (0, 9, 23)), (3, 4, 32, "sum", (1,)), (3, 2, 32, "none", ())],
)
def test_all_processes_have_what_one_has(
    size: int, count: int, batch_size: int, flip: str, broken: tuple[int, ...]
) -> None:
    alone = embed_images(tiny_embedder(SIZE), faces(count, broken), flip=flip, strict=False)
    for positions, plain, mirrored in on_ranks(size, embedded, count, batch_size, flip, broken):
        assert positions.tolist() == alone.positions.tolist()
        np.testing.assert_allclose(plain, alone.plain, rtol=1e-5, atol=1e-5)
        assert (mirrored is None) == (alone.mirrored is None)
        if alone.mirrored is not None:
            np.testing.assert_allclose(mirrored, alone.mirrored, rtol=1e-5, atol=1e-5)


def failing(rank: int, size: int, count: int, broken: tuple[int, ...], wrong: tuple[int, ...]) -> tuple[str, str, int]:
    source = faces(count, broken, wrong)
    image, seen = source.image, []
    source.image = lambda index: (seen.append(index), image(index))[1]  # type: ignore[method-assign]
    shared_work.LOOK_EVERY = 4
    with pytest.raises(MfnError) as told:
        embed_images(tiny_embedder(SIZE), source, batch_size=1, share=ranks())
    return type(told.value).__name__, str(told.value), len(seen)


def test_one_broken_image_ends_all_soon_with_one_sentence() -> None:
    ends = on_ranks(2, failing, 80, (41,), ())
    assert {end[:2] for end in ends} == {("BrokenImageError", "image 41 is cut short")}
    assert ends[0][2] == 4  # of its 40: it looks after each fourth batch


def test_any_error_ends_all_and_the_first_of_two_is_told() -> None:
    ends = on_ranks(3, failing, 12, (11,), (5,))
    assert {end[:2] for end in ends} == {("DataError", "process 1 of 3: ZeroDivisionError: image 5 is too much")}


def kept(rank: int, size: int, folder: Path) -> tuple[Any, Any, list[str]]:
    cache = EmbeddingCache(folder / str(rank), shard_size=7)  # on a disk of its own
    embed = partial(cache.embed, tiny_embedder(SIZE), faces(24), flip="sum", share=ranks())
    first = embed()
    second = embed()
    return first.plain, second.plain, sorted(file.name for file in (folder / str(rank)).rglob("*.npy"))


def test_the_first_process_alone_keeps_embeddings_and_gives_them_to_all(tmp_path: Path) -> None:
    alone = embed_images(tiny_embedder(SIZE), faces(24), flip="sum")
    ends = on_ranks(2, kept, tmp_path)
    assert [len(names) for *_, names in ends] == [4, 0]
    for first, second, _ in ends:
        np.testing.assert_allclose(first, alone.plain, rtol=1e-5, atol=1e-5)
        assert np.array_equal(first, second)


def figures(rank: int, size: int) -> tuple[dict[str, float], list[tuple[str, float]]]:
    judged = evaluate_verification(tiny_embedder(SIZE), pairs(), flip="sum", share=ranks())
    checked = check_contract(tiny_embedder(SIZE), pairs(), sample=20, share=ranks())
    return judged.numbers(), [(fit.name, fit.accuracy) for fit in (checked.declared, *checked.others)]


def test_the_figures_are_those_of_one_process() -> None:
    numbers, conventions = figures(0, 1)
    for told, tried in on_ranks(3, figures):
        assert told == pytest.approx(numbers, rel=1e-5)
        assert dict(tried) == dict(conventions)


def empty(rank: int, size: int) -> str:
    with pytest.raises(DataError) as told:
        embed_images(tiny_embedder(SIZE), faces(4, (0, 1, 2, 3)), strict=False, share=ranks())
    return str(told.value)


def test_nothing_to_embed_is_an_error_in_all() -> None:
    assert len(set(on_ranks(2, empty))) == 1
