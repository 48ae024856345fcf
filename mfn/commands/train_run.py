"""One training run, from the configuration to the pictures."""

import logging
import time
from pathlib import Path

from lightning import Trainer, seed_everything
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from mfn.config.build import build
from mfn.config.recipe import recipe_sentence
from mfn.config.sources import open_source, open_validation
from mfn.data.datamodule import FaceDataModule
from mfn.evaluation.alignment import a_few, warn_of_unaligned
from mfn.models.count import network_size
from mfn.report.run import report_run, short_path
from mfn.report.tables import table
from mfn.sources.source import passed_over_of
from mfn.training.assembly import build_recognizer, build_trainer, monitors, ranks_of
from mfn.training.checking import check
from mfn.training.fastest import fastest_sentence
from mfn.training.fused import trains_on
from mfn.training.head_memory import advice, free_bytes, head_memory
from mfn.training.monitors import check_monitors
from mfn.training.parameter_groups import group_rows
from mfn.training.process import keep_freed_memory, use_matmul_precision, warnings_to_log
from mfn.training.recognizer import FaceRecognizer
from mfn.training.warm_start import warm_start

log = logging.getLogger(__name__)


def train(config: DictConfig) -> float:
    """Trains, judges the best checkpoint and writes what a person wants to see.

    Args:
        config: The composed ``conf/train.yaml``.

    Returns:
        The metric named ``metric``, measured on the best checkpoint.

    Raises:
        MfnError: Configuration, data or checkpoint do not fit; the message says what to do.
    """
    if rank_zero_only.rank != 0:  # pyright: ignore[reportFunctionMemberAccess]
        logging.getLogger().setLevel(logging.ERROR)  # the other ranks would say everything again
    for part in ("pytorch", "fabric"):
        logging.getLogger(f"lightning.{part}").setLevel(logging.WARNING)
    warnings_to_log()
    started = time.perf_counter()
    run = short_path(config.paths.output)
    config = check(config)
    if config.keep_freed_memory:
        keep_freed_memory()
    use_matmul_precision(config.matmul_precision, trains_on(config))
    seed_everything(config.seed, workers=False, verbose=False)
    trainer = build_trainer(config)
    data: FaceDataModule = build(config.data.module, source=open_source(config), validation=open_validation(config))
    data.setup("fit")
    if why := check_monitors(monitors(config), data, trainer):
        log.warning("there is nothing to judge by: only last.ckpt is kept (%s)", why)
    recognizer = build_recognizer(config, data, ranks_of(trainer, str(config.trainer.strategy)))
    if config.model_path is not None and config.ckpt_path is None:
        log.info(table(f"Weights from {config.model_path}", warm_start(recognizer, Path(config.model_path))))
    log_plan(config, recognizer, data, trainer)
    if trainer.is_global_zero:
        passed_over_of(data.source).write(run / "passed_over.csv")
    if config.check_alignment and trainer.is_global_zero:
        warn_of_unaligned({name: a_few(source) for name, source in data.pictures.items()}, recognizer.contract)
    trainer.fit(recognizer, datamodule=data, ckpt_path=config.ckpt_path, weights_only=True)
    if not trainer.is_global_zero:
        return float("nan")
    return report_run(config, run, trainer, data, time.perf_counter() - started)


def log_plan(config: DictConfig, recognizer: FaceRecognizer, data: FaceDataModule, trainer: Trainer) -> None:
    """Shows the recipe, the data, the network and the parameter groups before the first step."""
    contract = recognizer.contract
    size = network_size(recognizer.backbone, (contract.height, contract.width))
    log.info(recipe_sentence(config))
    log.info(fastest_sentence(config))
    log.info(table("Data", [{"what": key, "value": str(value)} for key, value in data.summary().items()]))
    log.info(
        "%s: %s parameters, %.0f M multiply-adds, %.2f MB as float32",
        type(recognizer.backbone).__name__,
        f"{size.parameters:,}",
        size.multiply_adds / 1e6,
        size.megabytes,
    )
    if recognizer.sizes.stages:
        log.info("images to learn from: %s", recognizer.sizes.text())
    log.info(table("Parameter groups", group_rows(recognizer.optimizer_groups())))
    images = config.data.batch_size * trainer.world_size
    if memory := head_memory(recognizer.head, images, recognizer.make_optimizer):
        log.info("head, %s classes and %d images: %s", f"{memory.classes:,}", images, memory.sentence())
        if better := advice(memory, free_bytes(trainer.strategy.root_device)):
            log.warning(better)
