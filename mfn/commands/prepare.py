"""`mfn prepare`: from the words on the command line to files."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from mfn.about import called
from mfn.benchmarks.bin_writer import prepare_bin, refuse_to_replace_bin
from mfn.benchmarks.lfw_writer import refuse_to_replace_lfw, write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.benchmarks.verification import VerificationSet
from mfn.commands.screen import plain_program
from mfn.config.build import build, trust
from mfn.config.compose import CONF, composed
from mfn.config.prepare import PrepareBinSettings, PreparePairsSettings, PrepareSettings, idle_overrides
from mfn.config.prepare_shards import PrepareShardsSettings
from mfn.config.prepare_words import parse_words
from mfn.config.quoting import quoted_override, typed
from mfn.config.settings import Settings, checked
from mfn.errors import ConfigError, DataError
from mfn.prepare.from_config import prepare_pack
from mfn.prepare.interrupts import Terminated, terminable
from mfn.prepare.next_command import TrainingDefaults, training_overrides
from mfn.prepare.places import is_within, output_folder, refuse_overlap
from mfn.prepare.shards_from_config import prepare_shards
from mfn.report.tables import table
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.open_faces import open_faces
from mfn.sources.record_dataset import RecordDataset

log = logging.getLogger(__name__)


def main(arguments: Sequence[str], verb: str = "prepare") -> None:
    """Runs the command."""
    with plain_program():
        prepare(arguments)


def prepare(words: Sequence[str]) -> None:
    """Runs a step, or all of them, or tells what there is.

    Args:
        words: The name of a step, where only one is wanted, then `key=value` for `conf/prepare*.yaml`; or one of
            Hydra's words, such as `--cfg job`.

    Raises:
        MfnError: A key, a value or the data does not fit; the message says what to do.
    """
    steps = ", ".join(name for name in _STEPS if name)
    parsed = parse_words(words, _STEPS, f"there is {steps}, or mfn prepare source=folder source.root=PHOTOS output=OUT")
    step = _STEPS[parsed.step]
    if parsed.help:
        text = (CONF / f"{step.conf}.yaml").read_text(encoding="utf-8")
        log.info("mfn prepare [%s] [key=value ...], with these keys:\n\n%s", steps.replace(", ", "|"), text)
        return
    config = composed(step.conf, [*step.implied, *parsed.overrides], parsed.config_dir)
    if parsed.cfg:
        log.info(OmegaConf.to_yaml(config))
        return
    trust(parsed.overrides, parsed.config_dir)
    config = checked(config, step.settings)
    if step.settings is PrepareSettings:
        for sentence in idle_overrides(parsed.overrides, config):
            log.warning(sentence)
    with _told(step):
        step.run(config)


def prepare_photos(config: DictConfig) -> None:
    """Runs the steps that the configuration lists, then packs."""
    log.info(table("Prepared", prepare_pack(config).rows()))
    log.info("%s; what became of every image: index.%s, dropped.html", config.output, config.index)
    try:
        log.info("next:\n  %s", "\n  ".join(next_commands(Path(config.output), config.format, config.steps)))
    except ConfigError as error:
        log.info("it cannot be trained on: %s", error)


def next_commands(output: Path, form: str, steps: Sequence[str]) -> list[str]:
    """What trains on a prepared pack as it is; and, where its images are no crops of the usual size, what aligns them.

    Raises:
        ConfigError: Nothing does.
    """
    root = output if form == "pack" else output / "train"
    source = (RecordDataset if form == "pack" else FolderDataset)(root, virtual_copies=True)
    chosen = [f"data={'ms1m' if form == 'pack' else 'folder'}", quoted_override("data.root", str(root))]
    training = composed("train", [*chosen, "paths.output=unused"])
    height, width = training.image_size
    data = training.data
    defaults = TrainingDefaults(data.val_identities, data.batch_size, (height, width), training.seed)
    held_out = output / "held_out.bin"
    needed = training_overrides(source, str(held_out) if held_out.exists() else None, defaults)
    commands = [_command(called("train"), *chosen, *needed)]
    if any(word.startswith("image_size=") for word in needed) and "align" not in steps:
        folders = (quoted_override("source.root", str(root)), quoted_override("output", f"{output}-aligned"))
        commands.append(
            _command("mfn prepare", f"source={form}", *folders) + "  # where these are no aligned crops yet"
        )
    return commands


def _command(program: str, *words: str) -> str:
    return " ".join([program, *map(typed, words)])


def make_shards(config: DictConfig) -> None:
    """Writes the images of a source as tar shards."""
    log.info(table("Shards", [prepare_shards(config)]))
    root = quoted_override("data.root", config.output)
    log.info("next:\n  %s", _command(called("train"), "data=webdataset", root))


def pack_benchmark(config: DictConfig) -> None:
    """Writes one verification set as a `.bin` that InsightFace's tools read."""
    output = Path(config.output)
    if output.exists() and not config.overwrite:
        raise ConfigError(f"output={output} exists: choose another output, or, if mfn wrote it, set overwrite=true")
    root = config.benchmark.root
    if root is not None and output.exists() and is_within(output, Path(root)):
        raise ConfigError(f"output={output} lies in benchmark.root={root}, which is read: choose another output")
    refuse_to_replace_bin(output)
    sets = build(config.benchmark)
    if len(sets) != 1 or not isinstance(pairs := next(iter(sets.values())), VerificationSet):
        raise ConfigError(f"a .bin holds one set of pairs, {', '.join(sets) or 'none'} cannot be packed into it")
    _tell(prepare_bin(pairs, output), output)


def make_pairs(config: DictConfig) -> None:
    """Draws pairs from people and writes them in LFW's form."""
    options = {str(key): value for key, value in config.items()}
    output, root = output_folder(options.pop("output")), options.pop("root")
    refuse_overlap(output, {"root": Path(root)})
    refuse_to_replace_lfw(output)
    source = open_faces(root)
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


@dataclass(frozen=True, slots=True)
class _Step:
    """What a first word stands for; `again` says what the same command does after it was stopped."""

    conf: str
    settings: type[Settings]
    run: Callable[[DictConfig], None]
    implied: tuple[str, ...] = ()
    again: str = "goes on where it stopped"


_STEPS = {
    "": _Step("prepare", PrepareSettings, prepare_photos),
    **{
        step: _Step("prepare", PrepareSettings, prepare_photos, (f"steps=[{step}]",))
        for step in ("align", "clean", "balance", "split")
    },
    "pack": _Step("prepare", PrepareSettings, prepare_photos, ("steps=[]",)),
    "shards": _Step("prepare_shards", PrepareShardsSettings, make_shards),
    "bin": _Step("prepare_bin", PrepareBinSettings, pack_benchmark, again="starts anew"),
    "pairs": _Step("prepare_pairs", PreparePairsSettings, make_pairs, again="starts anew"),
}


@contextmanager
def _told(step: _Step) -> Iterator[None]:
    """Ends in one sentence what a signal stops or the disk refuses."""
    try:
        with terminable():
            yield
    except KeyboardInterrupt as stop:
        log.error("stopped: the same command %s", step.again)
        sys.exit(143 if isinstance(stop, Terminated) else 130)
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        raise DataError(f"{place}{error.strerror or error}: mend that, and the same command {step.again}") from error
