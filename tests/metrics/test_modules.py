import numpy as np
import pytest
import torch

from mfn.metrics.modules import TarAtFar, VerificationAccuracy
from mfn.metrics.verification import kfold_accuracy, tar_at_far


@pytest.fixture
def judged() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(0)
    is_same = random.random(300) < 0.5
    scores = random.normal(size=300) + 1.5 * is_same
    return torch.tensor(scores), torch.tensor(is_same), torch.arange(300) // 30


def test_batches_add_up_to_the_whole(judged: tuple[torch.Tensor, ...]) -> None:
    scores, is_same, fold = judged
    accuracy, rate = VerificationAccuracy(), TarAtFar(0.1)
    for part in torch.randperm(300).split(64):  # any order of batches and processes
        accuracy.update(scores[part], is_same[part], fold[part])
        rate.update(scores[part], is_same[part])
    assert accuracy.compute().item() == pytest.approx(kfold_accuracy(scores, is_same, 10).mean)
    assert rate.compute().item() == pytest.approx(tar_at_far(scores, is_same, 0.1))


def test_reset_forgets(judged: tuple[torch.Tensor, ...]) -> None:
    scores, is_same, fold = judged
    accuracy = VerificationAccuracy()
    accuracy.update(-scores, is_same, fold)
    accuracy.reset()
    assert accuracy(scores, is_same, fold).item() == pytest.approx(kfold_accuracy(scores, is_same, 10).mean)
