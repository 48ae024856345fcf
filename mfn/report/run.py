"""The end of a run: its best checkpoint judged from the file, a summary, pictures and what to type next."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from lightning import Trainer
from omegaconf import DictConfig

from mfn.about import called
from mfn.checkpoint.format import read_checkpoint, weights_hash
from mfn.config.quoting import quoted_override, typed
from mfn.data.datamodule import FaceDataModule
from mfn.evaluation.verification import evaluate_verification
from mfn.files.atomic import replacing
from mfn.inference.embedder import FaceEmbedder
from mfn.report.figures import save_png
from mfn.report.history import read_history
from mfn.report.pictures import roc_curves
from mfn.report.tables import table, verification_row
from mfn.report.training_pictures import learning_curve
from mfn.training.callbacks.best_checkpoint import BestCheckpoint
from mfn.training.callbacks.early_stopping import StopEarly
from mfn.training.callbacks.progress import Throughput

log = logging.getLogger(__name__)

LAST = Path("checkpoints", "last.ckpt")


def report_run(config: DictConfig, run: Path, trainer: Trainer, data: FaceDataModule, seconds: float) -> float:
    """Judges the best checkpoint from its file and writes summary and pictures.

    Args:
        config: The composed configuration.
        run: The run's folder.
        trainer: Has trained.
        data: Knows the verification sets.
        seconds: How long the run took until here.

    Returns:
        The configured metric.
    """
    best = best_checkpoint(trainer, run)
    embedder = _embedder(trainer, best).to(trainer.strategy.root_device)
    results = [
        evaluate_verification(embedder, pairs, batch_size=data.eval_batch_size, num_workers=data.num_workers)
        for pairs in data.verification_sets.values()
    ]
    pictures = []
    if history := read_history(run):
        pictures.append(run / "learning_curve.png")
        save_png(learning_curve(history), pictures[-1])
    if results:
        pictures.append(run / "roc.png")
        save_png(roc_curves(results), pictures[-1])
        log.info(
            table(f"Verification of {best.name if best else 'the trained network'}", map(verification_row, results))
        )
    stopped = _stopped_early(trainer)
    if stopped:
        log.info("early stopping: %s", stopped)
    waiting = waiting_share(trainer)
    figures: dict[str, float] = {f"val/{v.name}/{key}": value for v in results for key, value in v.numbers().items()}
    logged = {key: float(value) for key, value in trainer.callback_metrics.items()}
    value = (logged | figures).get(config.metric)
    overrides = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    summary: dict[str, Any] = {
        "metric": config.metric,
        "mode": config.mode,
        "value": value,
        "checkpoint": None if best is None else best.relative_to(run).as_posix(),
        "weights": embedder.network.fingerprint,
        "last_weights": weights_hash(_last_state(trainer, run)),
        "stopped_early": stopped,
        "steps": trainer.global_step,
        "seconds": seconds,
        "waiting_for_data": waiting,
        "overrides": [override for override in overrides if not override.startswith("ckpt_path=")],
        "verification": {v.name: v.numbers() for v in results},
    }
    with replacing(run / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2), encoding="utf-8")
    log.info(
        "%d steps in %.0f s%s, weights %s; pictures: %s\n%s",
        trainer.global_step,
        seconds,
        "" if waiting is None else f" ({100 * waiting:.1f} % of training was waiting for data)",
        summary["weights"],
        ", ".join(map(str, pictures)) or "none",
        "no checkpoint was kept: see callbacks" if best is None else _next(best),
    )
    return float("nan") if value is None else value


def waiting_share(trainer: Trainer) -> float | None:
    """The share of the training time that was spent waiting for data; None where nothing was trained."""
    clock = next((callback for callback in trainer.callbacks if isinstance(callback, Throughput)), None)  # type: ignore[attr-defined]
    return clock.waited / clock.trained if clock is not None and clock.trained else None


def short_path(path: str) -> Path:
    """The path as a person would type it: relative where it lies below the current folder."""
    absolute = Path(path).resolve()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def best_checkpoint(trainer: Trainer, run: Path) -> Path | None:
    """The best checkpoint by the monitored metric, or the last one where none was judged, or None."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, BestCheckpoint) and callback.path is not None and callback.path.is_file():
            return short_path(str(callback.path))
    last = run / LAST
    return last if last.is_file() else None


def _embedder(trainer: Trainer, best: Path | None) -> FaceEmbedder:
    if best is not None:
        return FaceEmbedder.load(best)
    module = trainer.lightning_module
    return FaceEmbedder(module.backbone, module.contract)  # type: ignore[arg-type]


def _last_state(trainer: Trainer, run: Path) -> Mapping[str, Any]:
    """All tensors that the run ended with, averaged ones where it averages."""
    last = run / LAST
    return read_checkpoint(last)["state_dict"] if last.is_file() else trainer.lightning_module.state_dict()


def _stopped_early(trainer: Trainer) -> str | None:
    return next(
        (callback.why for callback in trainer.early_stopping_callbacks if isinstance(callback, StopEarly)), None
    )


def _next(best: Path) -> str:
    model, weights = (typed(quoted_override(key, str(best))) for key in ("model_path", "model_path"))
    return (
        f"checkpoint: {best}\nnext:\n"
        f"  {called('evaluate')} {model} benchmark=lfw benchmark.root=DIR\n"
        f"  {called('train')} data=folder data.root=DIR {weights}"
    )
