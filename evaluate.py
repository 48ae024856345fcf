"""Judges a network on verification sets: ``python evaluate.py model_path=FILE benchmark=lfw benchmark.root=DIR``."""

import json
import logging
from pathlib import Path

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from mfn.evaluation.judge import judge
from mfn.failures import one_sentence, unwrapped
from mfn.inference.embedder import FaceEmbedder
from mfn.report.pictures import roc_curves
from mfn.report.tables import table, verdict_row

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(config: DictConfig) -> float:
    """Prints the verdict, writes report.json and roc.png, and returns the accuracy."""
    with one_sentence():
        with unwrapped():
            pairs = instantiate(config.benchmark, _convert_="all")
        embedder = FaceEmbedder.load(config.model_path).to(config.device)
        judged = judge(embedder, pairs, config.batch_size, config.num_workers, config.flip)
        run = Path(config.paths.output)
        roc_curves([judged], run / "roc.png")
        report = {"model": config.model_path, "flip": config.flip, judged.name: judged.numbers()}
        (run / "report.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
        log.info(table(f"Verification of {config.model_path}", [verdict_row(judged)]))
        log.info("%s, %s", run / "report.json", run / "roc.png")
        return judged.accuracy


if __name__ == "__main__":
    main()
