"""`mfn prepare`: from the words on the command line to files."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig

from mfn.data.benchmarks.bin_writer import prepare_bin
from mfn.data.benchmarks.lfw_writer import write_lfw
from mfn.data.benchmarks.made_pairs import pairs_from_source
from mfn.data.open_faces import open_faces
from mfn.data.verification import VerificationSet
from mfn.errors import ConfigError
from mfn.failures import unwrapped
from mfn.prepare.from_config import prepare_pack
from mfn.report.tables import table

log = logging.getLogger(__name__)

CONF = Path(__file__).resolve().parents[1] / "conf"


def prepare(words: Sequence[str]) -> None:
    """Runs a step, or all of them.

    Args:
        words: The name of a step, where only one is wanted, then `key=value` for `conf/prepare*.yaml`.

    Raises:
        MfnError: A key, a value or the data does not fit; the message says what to do.
    """
    step, overrides = (words[0], words[1:]) if words and "=" not in words[0] else ("", words)
    if step not in _STEPS:
        raise ConfigError(f"mfn prepare {step} is no step: there is {', '.join(name for name in _STEPS if name)}")
    name, implied, run = _STEPS[step]
    with unwrapped():
        run(composed(name, [*implied, *overrides]))


def composed(name: str, overrides: Sequence[str]) -> DictConfig:
    """A configuration without Hydra's run directory.

    Raises:
        ConfigError: A key or a choice does not exist.
    """
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose(name, list(overrides))
    except HydraException as error:
        raise ConfigError(" ".join(str(error).partition("Config search path")[0].split())) from error


def prepare_photos(config: DictConfig) -> None:
    """Runs the steps that the configuration lists, then packs."""
    log.info(table("Prepared", prepare_pack(config).rows()))
    log.info(
        "%s; what became of every image: index.%s, dropped.html\nnext:\n  python train.py data=%s data.root=%s",
        config.output,
        config.index,
        *(("ms1m", config.output) if config.format == "pack" else ("folder", Path(config.output) / "train")),
    )


def pack_benchmark(config: DictConfig) -> None:
    """Writes one verification set as a `.bin` that InsightFace's tools read."""
    output = Path(config.output)
    if output.exists() and not config.overwrite:
        raise ConfigError(f"{output} exists: choose another output, or set overwrite=true")
    sets = instantiate(config.benchmark, _convert_="all")
    if len(sets) != 1 or not isinstance(pairs := next(iter(sets.values())), VerificationSet):
        raise ConfigError(f"a .bin holds one set of pairs, {', '.join(sets) or 'none'} cannot be packed into it")
    _tell(prepare_bin(pairs, output), output)


def make_pairs(config: DictConfig) -> None:
    """Draws pairs from people and writes them in LFW's form."""
    options = {str(key): value for key, value in config.items()}
    output, source = Path(options.pop("output")), open_faces(options.pop("root"))
    _tell(write_lfw(pairs_from_source(source, **options), output, source.label_names), output)


def _tell(pairs: VerificationSet, output: Path) -> None:
    row = {
        "set": pairs.name,
        "pairs": len(pairs.pairs),
        "genuine": int(pairs.is_same.sum()),
        "folds": int(pairs.fold_of.max()) + 1,
        "images": len(pairs.source),
        "pairs left out": pairs.left_out,
        "written": str(output),
    }
    log.info(table("Pairs", [row]))


_STEPS: dict[str, tuple[str, list[str], Callable[[DictConfig], None]]] = {
    "": ("prepare", [], prepare_photos),
    **{step: ("prepare", [f"steps=[{step}]"], prepare_photos) for step in ("align", "clean", "balance", "split")},
    "pack": ("prepare", ["steps=[]"], prepare_photos),
    "bin": ("prepare_bin", [], pack_benchmark),
    "pairs": ("prepare_pairs", [], make_pairs),
}
