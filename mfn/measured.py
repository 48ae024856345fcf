"""What a run will measure, known before it starts, so that nothing waits for a number that never comes."""

import math
from collections.abc import Mapping

import numpy as np
from lightning import Trainer

from mfn.data.datamodule import FaceDataModule
from mfn.data.verification import VerificationSet
from mfn.errors import ConfigError
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.verdict import verdict

TRAINING = ("train/loss", "train/accuracy", "train/target_angle", "train/gradient_norm")


def check_monitors(named: Mapping[str, str], data: FaceDataModule, trainer: Trainer) -> bool:
    """Makes sure that every metric that somebody goes by will be there when they look.

    Args:
        named: The metric that each key of the configuration names; ``metric`` picks the best checkpoint.
        data: Set up.
        trainer: As the run will use it.

    Returns:
        Whether the run measures anything on validation.

    Raises:
        ConfigError: A metric is not measured; the sentence says what is.
    """
    validated, why = validation_metrics(data), why_not_validated(data, trainer)
    measured = [*TRAINING, *(() if why else validated)]
    if not validated and all(not metric.startswith("train/") for metric in named.values()) and set(named) <= _OPTIONAL:
        return False  # there is nothing to judge by, which is told and no mistake
    for key, metric in named.items():
        if metric not in measured:
            because = f" ({why})" if why and metric in validated else ""
            raise ConfigError(f"{key}={metric} is not measured in this run{because}; there is {_listed(measured)}")
    return bool(validated) and not why


_OPTIONAL = {"metric", "callbacks.best_checkpoint.monitor"}


def validation_metrics(data: FaceDataModule) -> list[str]:
    """The names that validation logs under."""
    names = [f"val/{name}/{figure}" for name, pairs in data.verification_sets.items() for figure in _figures(pairs)]
    if len(data.verification_sets) > 1:
        names.append("val/mean/accuracy")
    return names + (["val/loss", "val/top1"] if data.has_validation_images else [])


def why_not_validated(data: FaceDataModule, trainer: Trainer) -> str:
    """The reason for which a run does not validate whole sets, "" where it does."""
    if overfit := getattr(trainer, "overfit_batches", 0):
        return f"trainer.overfit_batches={overfit} cuts validation short"
    limit = trainer.limit_val_batches
    whole = [len(loader) for loader in data.val_dataloader()]
    if any((limit if isinstance(limit, int) else int(limit * batches)) < batches for batches in whole):
        return f"trainer.limit_val_batches={limit} cuts validation short"
    batches = len(data.train_dataloader())
    limit = trainer.limit_train_batches
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    epochs = trainer.max_epochs if trainer.max_epochs is not None and trainer.max_epochs > 0 else math.inf
    steps = trainer.max_steps * trainer.accumulate_grad_batches if trainer.max_steps > 0 else math.inf
    in_all = min(epochs * batches, steps)
    every = trainer.check_val_every_n_epoch
    if every is None:
        first, key = trainer.val_check_interval, f"trainer.val_check_interval={trainer.val_check_interval}"
    else:
        first = (every - 1) * batches + max(1, int(batches * trainer.val_check_interval))
        key = f"trainer.check_val_every_n_epoch={every}"
    return f"{key} is first due after {first} batches, and the run has {in_all:g}" if first > in_all else ""


def _figures(pairs: VerificationSet) -> list[str]:
    """What a set's verdict holds, found by judging made-up embeddings: it depends on the number of pairs."""
    draws = np.random.default_rng(0).standard_normal((len(pairs.source), 2), np.float32)
    embeddings = draws / np.linalg.norm(draws, axis=1, keepdims=True)
    return list(verdict(pairs, pair_scores(pairs, np.arange(len(pairs.source)), embeddings)).numbers())


def _listed(names: list[str], most: int = 12) -> str:
    usual = [name for name in names if name.startswith("val/") and name.endswith("/accuracy")]
    usual += [name for name in names if name not in usual]
    return ", ".join(usual[:most]) + (f" and {len(usual) - most} others" if len(usual) > most else "")
