"""Detectors by name, and the second tries after them, as nodes that `mfn.config.build` builds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mfn.config.build import build, check_values
from mfn.config.compose import CONF
from mfn.errors import ConfigError

NAMES = ("mtcnn", "yunet")
"""Detectors that look at photos, as they are called in ``conf/detector``."""


@dataclass(frozen=True, slots=True)
class DetectorMaker:
    """Builds a detector in the process that uses it; detectors themselves cannot be sent there.

    Attributes:
        node: What to build, with a `_target_`, as plain data.
    """

    node: Mapping[str, Any]

    def __call__(self) -> Any:
        """The detector, see `mfn.align.detector.Detector`.

        Raises:
            MfnError: What it says of its values.
        """
        return build(OmegaConf.create(dict(self.node)))

    def with_second_tries(self, tries: Sequence[str]) -> "DetectorMaker":
        """The same detector, which looks again where it found nothing; itself where nothing is tried.

        Args:
            tries: See `mfn.align.second_try.SecondTry`; a detector is named as `detector_named` takes it.

        Raises:
            ConfigError: A YuNet file is missing its place, or another value does not fit.
        """
        if not tries:
            return self
        others = {_short(name): detector_named(name).node for name in tries if is_detector(name)}
        node: dict[str, Any] = {"_target_": "mfn.align.second_try.SecondTry", "detector": dict(self.node)}
        node |= {"tries": [_short(name) if is_detector(name) else name for name in tries], "others": others}
        return DetectorMaker(node)


def is_detector(name: str) -> bool:
    """Whether a word names a detector and no other way to try again."""
    return name in NAMES or name.lower().endswith(".onnx")


def detector_named(
    name: str, options: Mapping[str, Any] | None = None, key: str = "second_try", group: str = "detector"
) -> DetectorMaker:
    """What builds a detector.

    Args:
        name: ``mtcnn``, ``yunet`` (the file that `mfn fetch yunet` brought), or YuNet's ONNX file.
        options: Keys of ``conf/detector`` to set.
        key: What the name was given for.
        group: What the options were.

    Raises:
        ConfigError: There is none of that name, or no such option.
    """
    if not is_detector(name):
        raise ConfigError(f"{key}={name} is no detector: take {', '.join(NAMES)} or YuNet's .onnx file")
    node: dict[str, Any] = {}
    loaded = OmegaConf.load(CONF / "detector" / f"{_short(name)}.yaml")
    if isinstance(loaded, DictConfig):
        node = {str(option): value for option, value in loaded.items()}
    if name not in NAMES:
        node["model_path"] = str(Path(name).expanduser().absolute())
    if unknown := sorted(set(options or {}) - set(node)):
        known = ", ".join(option for option in node if not option.startswith("_"))
        raise ConfigError(f"{group} has no {unknown[0]}: {_short(name)} takes {known}")
    maker = DetectorMaker(OmegaConf.to_container(OmegaConf.create(node | dict(options or {}))))  # type: ignore[arg-type]
    check_values(OmegaConf.create(dict(maker.node)))
    return maker


def _short(name: str) -> str:
    return name if name in NAMES else "yunet"
