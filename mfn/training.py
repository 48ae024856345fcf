"""One training run, from the configuration to the pictures."""

import logging
import time
from pathlib import Path

from hydra.utils import instantiate
from lightning import seed_everything
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from mfn.assembly import build_recognizer, build_trainer, check
from mfn.data.datamodule import FaceDataModule
from mfn.errors import ConfigError
from mfn.failures import unwrapped
from mfn.models.count import network_size
from mfn.parameter_groups import group_rows
from mfn.recognizer import FaceRecognizer
from mfn.report.run import readable, report_run
from mfn.report.tables import table
from mfn.runtime import keep_freed_memory
from mfn.transplant import transplant

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
        logging.getLogger().setLevel(logging.WARNING)  # the other ranks would say everything again
    started = time.perf_counter()
    run = readable(config.paths.output)
    if config.keep_freed_memory:
        keep_freed_memory()
    seed_everything(config.seed, workers=False, verbose=False)
    with unwrapped():
        check(config)
        trainer = build_trainer(config)
        data: FaceDataModule = instantiate(config.data.module, _convert_="all")
        data.setup("fit")
        check_metric(config.metric, data)
        recognizer = build_recognizer(config, data)
    if config.init_from is not None:
        log.info(table(f"Weights from {config.init_from}", transplant(recognizer, Path(config.init_from))))
    tell_the_plan(recognizer, data)
    trainer.fit(recognizer, datamodule=data, ckpt_path=config.ckpt_path, weights_only=True)
    if not trainer.is_global_zero:
        return float("nan")
    return report_run(config, run, trainer, data, time.perf_counter() - started)


def check_metric(metric: str, data: FaceDataModule) -> None:
    """Makes sure that the metric which picks the best checkpoint will be measured.

    Raises:
        ConfigError: It will not.
    """
    measured = [f"val/{name}/" for name in data.verification_sets]
    if len(measured) > 1:
        measured.append("val/mean/accuracy")
    if data.rules.val_fraction > 0:
        measured += ["val/loss", "val/top1"]
    if not measured:
        log.warning("there is nothing to judge by: only last.ckpt is kept; see data.val_identities")
    elif not metric.startswith(("train/", *measured)):
        raise ConfigError(f"metric={metric} is not measured in this run; there is {', '.join(measured)}")


def tell_the_plan(recognizer: FaceRecognizer, data: FaceDataModule) -> None:
    """Shows the data, the network and the parameter groups before the first step."""
    contract = recognizer.contract
    size = network_size(recognizer.backbone, (contract.height, contract.width))
    log.info(table("Data", [{"what": key, "value": str(value)} for key, value in data.summary().items()]))
    log.info(
        "%s: %s parameters, %.0f M multiply-adds, %.2f MB as float32",
        type(recognizer.backbone).__name__,
        f"{size.parameters:,}",
        size.multiply_adds / 1e6,
        size.megabytes,
    )
    log.info(table("Parameter groups", group_rows(recognizer.optimizer_groups())))
