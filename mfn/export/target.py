"""What every file format offers to the exporter."""

import contextlib
import io
import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mfn.about import install_command
from mfn.errors import ExportError
from mfn.export.network import Deployable, ExportOptions


@dataclass(frozen=True, slots=True)
class Description:
    """What a written file is made of, read back from the file.

    Attributes:
        version: Of the format, as ``"opset 18"``.
        operators: How often each operator occurs.
        batch: What the file takes: ``"any"``, a range as ``"1-64"``, or a fixed number as ``"1"``.
        int8_holds_on: For which processors integer arithmetic is proven and how that is known, see
            :mod:`mfn.export.saturation`; empty where there is none.
        brought: Bytes of what comes with the network and is no part of it, as a runtime.
        integers: Of a file that takes and gives integers: ``dtype``, ``scale`` and ``zero_point`` of its ``image``
            and its ``embedding``. A number q stands for ``(q - zero_point) * scale``.
    """

    version: str
    operators: dict[str, int] = field(default_factory=dict)
    batch: str = "any"
    int8_holds_on: str = ""
    brought: int = 0
    integers: dict[str, dict[str, Any]] = field(default_factory=dict)


class Target(Protocol):
    """A file format: writes a network and describes what it wrote.

    A target is a small class with its options as constructor arguments, filled by ``conf/target/NAME.yaml``. Packages
    that are no base dependency are imported inside functions. One whose options do not fit every export may have a
    method ``check(precisions, options)`` that raises ExportError; it is called before anything is read.

    Attributes:
        name: As in ``target=NAME``.
        suffix: Of the file that is loaded again, as ``".onnx"``.
        precisions: What ``precision=`` may be.
        calibrated: Those of ``precisions`` that need calibration images.
        requires: Modules that must be there, each with the extra of mfn that installs it, "" for mfn itself.
        runs_here: Whether this machine can run the file; otherwise the proof leaves out what needs running.
    """

    name: str
    suffix: str
    precisions: tuple[str, ...]
    calibrated: tuple[str, ...]
    requires: tuple[tuple[str, str], ...]
    runs_here: bool

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """Writes the file and those that belong to it.

        The caller gives a path in a folder of its own and throws the folder away when this raises or the proof fails;
        it also writes the side file (:func:`mfn.export.metadata.write_metadata`), for every target alike.

        Args:
            deployable: The network, its contract, precision (``deployable.options.precision``, already checked
                against ``precisions``) and metadata to put where the format has a place for it.
            path: The file to write; ends in ``suffix``.
            calibration: uint8 RGB (N, H, W, 3), for ``calibrated`` precisions never None. ``deployable.inputs`` makes
                network inputs of them.

        Returns:
            Every file or folder written, `path` first.

        Raises:
            ExportError: The network does not fit the format.
        """
        ...

    def describe(self, path: Path) -> Description:
        """Reads back what is in a file that :meth:`export` wrote."""
        ...


def missing_packages(target: Target) -> str | None:
    """One sentence with the command that installs what a target lacks; None where nothing is missing."""
    lacking = [(module, extra) for module, extra in target.requires if not _is_there(module)]
    if not lacking:
        return None
    modules, extra = [module for module, _ in lacking], lacking[0][1]
    command = install_command(extra, *(() if extra else modules))
    return f"target={target.name} needs {' and '.join(modules)}: {command}"


def check_options(targets: Iterable[Target], precisions: Sequence[str], options: ExportOptions) -> None:
    """Has each target look whether its options fit what is to be written.

    Args:
        targets: Those asked for.
        precisions: Those asked for.
        options: What files should be like.

    Raises:
        ExportError: Some do not.
    """
    for target in targets:
        if (check := getattr(target, "check", None)) is not None:
            check(precisions, options)


def expect(given: str, what: str, holds: bool) -> None:
    """Makes sure of an option.

    Args:
        given: ``key=value``.
        what: The value must be.
        holds: Whether it is.

    Raises:
        ExportError: It is not.
    """
    if not holds:
        raise ExportError(f"{given} must be {what}")


def one_of(names: Iterable[str]) -> str:
    """Names as a person lists them: "a, b or c"."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that the module is in
        return False


def counted(operators: Iterable[str]) -> dict[str, int]:
    """How often each operator of a PyTorch graph occurs, ``aten::conv2d`` as ``conv2d``, constants left out."""
    plain = (re.sub(r"^aten(::|\.)|\.default$", "", name) for name in operators if not name.startswith("prim::"))
    return dict(Counter(plain))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps other libraries' messages below an error, their warnings and what they print to themselves.

    Messages of mfn come through.
    """
    root, ours = logging.getLogger(), logging.getLogger("mfn")
    levels = root.level, ours.level
    ours.setLevel(ours.level or root.level)
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
