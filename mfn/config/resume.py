"""``ckpt_path``: going on with a run, from nothing but its checkpoint."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from mfn.checkpoint.format import CheckpointMetadata, read_checkpoint
from mfn.config.command_line import CommandLine, key_of
from mfn.config.compose import composed
from mfn.config.quoting import quoted_override
from mfn.config.request import requested
from mfn.config.train import PICKED
from mfn.errors import CheckpointError

FOLDERS = ("outputs", "multirun")
"""Where runs are kept."""
FIXED = (
    "model",
    "image_size",
    "contract",
    "qat",
    "seed",
    *(f"head.{part}_target_" for part in ("", "first.", "second.")),
)
"""Keys that a run cannot change when it goes on; the optimiser's kind is another."""
PRECISIONS = ("32-true", "bf16-mixed")
"""What is picked for ``trainer.precision=auto``."""


def resumed(line: CommandLine, ckpt_path: str, here: Path) -> CommandLine:
    """The command line that goes on with a run: what it was asked for, then what is typed now, in the run's folder.

    Args:
        line: As typed.
        ckpt_path: ``last`` or a path.
        here: The folder that holds those of the runs.

    Raises:
        CheckpointError: There is no such checkpoint, it holds no stopped run, or something is typed that a run cannot
            change.
    """
    if line.multirun:
        raise CheckpointError("ckpt_path= goes on with one run: leave -m out")
    path = newest_checkpoint(here) if ckpt_path == "last" else Path(ckpt_path).expanduser()
    if not path.is_file():
        raise CheckpointError(f"ckpt_path={ckpt_path}: there is no such file")
    checkpoint = read_checkpoint(path)
    metadata = CheckpointMetadata.of(checkpoint, path)
    if "loops" not in checkpoint:
        raise CheckpointError(f"{path} holds weights and no run to go on with: start from them with model_path={path}")
    fresh = [word for word in line.overrides if key_of(word) != "ckpt_path"]
    asked = requested(metadata.request, fresh, line.config_dir)
    before, now = _before(metadata), composed("train", [*asked, *fresh, "paths.output=unused"], line.config_dir)
    if changed := list(_changes(before, now)):
        raise CheckpointError(
            f"{path}: a run that goes on keeps {'; '.join(changed)}. Leave that out, or start from its weights with "
            "model_path="
        )
    path = path.resolve()
    place = [*_kept_precision(before, now), quoted_override("ckpt_path", str(path))]
    if path.parent.name == "checkpoints" and line.value("hydra.run.dir") is None:
        place.append(quoted_override("hydra.run.dir", str(path.parent.parent)))
    return replace(line, overrides=(*asked, *fresh, *place))


def newest_checkpoint(here: Path) -> Path:
    """The newest ``last.ckpt`` of all runs.

    Raises:
        CheckpointError: There is none.
    """
    found = [file for folder in FOLDERS for file in (here / folder).glob("**/checkpoints/last.ckpt")]
    if not found:
        raise CheckpointError(
            f"ckpt_path=last: there is no last.ckpt of an earlier run under {' or '.join(FOLDERS)} in {here.resolve()}"
        )
    return max(found, key=lambda file: file.stat().st_mtime)


def _before(metadata: CheckpointMetadata) -> Mapping[str, Any]:
    """The configuration of the run as it was, as data; nothing where the checkpoint holds none."""
    try:
        before = yaml.safe_load(metadata.config)
    except yaml.YAMLError as error:
        raise CheckpointError("the checkpoint's configuration is damaged: it is no YAML") from error
    return before if isinstance(before, dict) else {}


def _changes(before: Mapping[str, Any], now: DictConfig) -> Iterator[str]:
    """A phrase for each thing that would change and cannot."""
    if not before:
        return
    plain: Any = OmegaConf.to_container(now, resolve=True)
    before = {"qat": False, **before}  # checkpoints of before there was such a key
    for key in (*FIXED, "optimizer._target_"):
        yield from _differences(key, _at(before, key), _at(plain, key))


def _kept_precision(before: Mapping[str, Any], now: DictConfig) -> list[str]:
    """What a run that goes on computes in, where this machine would pick: what was picked for it when it began."""
    precision = _at(before, "trainer.precision")
    if now.trainer.precision != PICKED or precision not in PRECISIONS:
        return []
    return [f"trainer.precision={precision}"]


def _differences(key: str, before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys([*before, *now]):
            yield from _differences(f"{key}.{name}", before.get(name), now.get(name))
    elif before != now:
        name = key.removesuffix("._target_")
        yield f"{name}={_short(before)}, where {name}={_short(now)} is typed"


def _short(value: Any) -> str:
    return value.rpartition(".")[2] if isinstance(value, str) else str(value).replace(" ", "")


def _at(plain: Any, key: str) -> Any:
    for name in key.split("."):
        plain = plain.get(name) if isinstance(plain, Mapping) else None
    return plain
