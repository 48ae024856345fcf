"""What a run will measure, known before it starts, so that nothing waits for a number that never comes."""

import math
from collections.abc import Mapping

import numpy as np
from lightning import Trainer

from mfn.benchmarks.verification import VerificationSet
from mfn.data.datamodule import FaceDataModule
from mfn.errors import ConfigError
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.verification_result import verification_result
from mfn.metrics.scores import unit

TRAINING = ("train/loss", "train/accuracy", "train/target_angle", "train/gradient_norm")


def check_monitors(named: Mapping[str, str], data: FaceDataModule, trainer: Trainer) -> str:
    """Makes sure that every metric that somebody goes by will be there when they look.

    What keeps the best checkpoint may do without: where there is nobody to judge on, and in a run that is stopped by
    ``trainer.max_steps`` before its first validation, as one is to see whether it starts.

    Args:
        named: The metric that each key of the configuration names; ``metric`` picks the best checkpoint.
        data: Set up.
        trainer: As the run will use it.

    Returns:
        Why there is nothing to judge by; "" where there is.

    Raises:
        ConfigError: A metric is not measured; the sentence says what is.
    """
    validated, why = validation_metrics(data), why_not_validated(data, trainer)
    measured = [*TRAINING, *(() if why else validated)]
    missing = {key: metric for key, metric in named.items() if metric not in measured}
    reason = why if validated else "see data.val_identities and benchmark"
    is_known = all(metric in validated if validated else metric.startswith("val/") for metric in missing.values())
    if missing and missing.keys() <= _OPTIONAL and is_known and (not validated or _is_stopped_early(data, trainer)):
        return reason
    for key, metric in missing.items():
        because = f" ({why})" if why and metric in validated else ""
        raise ConfigError(f"{key}={metric} is not measured in this run{because}; there is {_listed(measured)}")
    return "" if validated and not why else reason


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
    batches, in_all = _batches(data, trainer), _in_all(data, trainer)
    every = trainer.check_val_every_n_epoch
    if every is None:
        first, key = trainer.val_check_interval, f"trainer.val_check_interval={trainer.val_check_interval}"
    else:
        first = (every - 1) * batches + max(1, int(batches * trainer.val_check_interval))
        key = f"trainer.check_val_every_n_epoch={every}"
    return f"{key} is first due after {first} batches, and the run has {in_all:g}" if first > in_all else ""


def _batches(data: FaceDataModule, trainer: Trainer) -> int:
    """Of an epoch."""
    batches, limit = len(data.train_dataloader()), trainer.limit_train_batches
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


def _in_all(data: FaceDataModule, trainer: Trainer) -> float:
    """Batches of the run."""
    return min(_batches(data, trainer) * _epochs(trainer), _batches_of_steps(trainer))


def _is_stopped_early(data: FaceDataModule, trainer: Trainer) -> bool:
    """Whether the number of steps alone ends the run before its first validation."""
    cut = getattr(trainer, "overfit_batches", 0) or trainer.limit_val_batches != 1.0
    return not cut and _batches_of_steps(trainer) < _batches(data, trainer) * _epochs(trainer)


def _epochs(trainer: Trainer) -> float:
    return trainer.max_epochs if trainer.max_epochs is not None and trainer.max_epochs > 0 else math.inf


def _batches_of_steps(trainer: Trainer) -> float:
    return trainer.max_steps * trainer.accumulate_grad_batches if trainer.max_steps > 0 else math.inf


def _figures(pairs: VerificationSet) -> list[str]:
    """What a set's result holds, found by judging made-up embeddings: it depends on the number of pairs."""
    draws = np.random.default_rng(0).standard_normal((len(pairs.source), 2), np.float32)
    return list(verification_result(pairs, pair_scores(pairs, np.arange(len(pairs.source)), unit(draws))).numbers())


def _listed(names: list[str], most: int = 12) -> str:
    usual = [name for name in names if name.startswith("val/") and name.endswith("/accuracy")]
    usual += [name for name in names if name not in usual]
    return ", ".join(usual[:most]) + (f" and {len(usual) - most} others" if len(usual) > most else "")
