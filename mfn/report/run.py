"""The end of a run: its best checkpoint judged from the file, a summary, pictures and what to type next."""

import json
import logging
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import DictConfig

from mfn.checkpoint import weights_hash
from mfn.data.datamodule import FaceDataModule
from mfn.evaluation.judge import judge
from mfn.inference.embedder import FaceEmbedder
from mfn.report.figures import save_png
from mfn.report.history import read_history
from mfn.report.pictures import roc_curves
from mfn.report.tables import table, verdict_row
from mfn.report.training_pictures import learning_curve

log = logging.getLogger(__name__)


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
    embedder = FaceEmbedder.load(best).to(trainer.strategy.root_device)
    verdicts = [judge(embedder, pairs) for pairs in data.verification_sets.values()]
    pictures = [run / "learning_curve.png"]
    save_png(learning_curve(read_history(run)), pictures[0])
    if verdicts:
        pictures.append(run / "roc.png")
        save_png(roc_curves(verdicts), pictures[1])
        log.info(table(f"Verification of {best.name}", [verdict_row(v) for v in verdicts]))
    figures: dict[str, float] = {f"val/{v.name}/{key}": value for v in verdicts for key, value in v.numbers().items()}
    logged = {key: float(value) for key, value in trainer.callback_metrics.items()}
    value = (logged | figures).get(config.metric)
    overrides = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    summary: dict[str, Any] = {
        "metric": config.metric,
        "mode": config.mode,
        "value": value,
        "checkpoint": str(best),
        "weights": weights_hash(trainer.lightning_module.state_dict()),
        "steps": trainer.global_step,
        "seconds": seconds,
        "overrides": [override for override in overrides if not override.startswith("ckpt_path=")],
        "verification": {v.name: v.numbers() for v in verdicts},
    }
    (run / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")
    log.info(
        "%d steps in %.0f s, weights %s; pictures: %s\ncheckpoint: %s\nnext:\n"
        "  python evaluate.py model_path=%s benchmark=lfw benchmark.root=DIR\n"
        "  python train.py data=folder data.root=DIR init_from=%s",
        trainer.global_step,
        seconds,
        summary["weights"],
        ", ".join(map(str, pictures)),
        best,
        best,
        best,
    )
    return float("nan") if value is None else value


def readable(path: str) -> Path:
    """The path as a person would type it: relative where it lies below the current folder."""
    absolute = Path(path).resolve()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def best_checkpoint(trainer: Trainer, run: Path) -> Path:
    """The best checkpoint by the monitored metric, or the last one where none was judged."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.best_model_path:
            return readable(callback.best_model_path)
    return run / "checkpoints" / "last.ckpt"
