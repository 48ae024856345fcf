"""The pipeline as ``conf/prepare.yaml`` describes it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mfn.align.detector import Detector
from mfn.config.build import build, check_values
from mfn.config.detectors import DetectorMaker
from mfn.errors import ConfigError
from mfn.prepare.align_step import AlignRules
from mfn.prepare.balance import BalanceRules
from mfn.prepare.clean import CleanRules
from mfn.prepare.executors import Executor, Local
from mfn.prepare.inputs import files_of, input_paths, stamp
from mfn.prepare.pack_step import PackRules
from mfn.prepare.pipeline import run
from mfn.prepare.places import output_folder, refuse_files_inside, refuse_overlap
from mfn.prepare.plan import Plan
from mfn.prepare.ray_executor import Ray
from mfn.prepare.report import Report
from mfn.prepare.split_step import SplitShares
from mfn.prepare.suspects import SuspectRules
from mfn.prepare.workspace import Workspace
from mfn.sources.source import FaceSource

STEPS = ("align", "clean", "balance", "split")
"""What ``steps=[...]`` may name; packing always comes last."""


def prepare_pack(config: DictConfig) -> Report:
    """Turns photos or packs into an aligned, cleaned, balanced and split pack.

    Args:
        config: The composed ``conf/prepare.yaml``.

    Raises:
        MfnError: Values or photos do not fit; the message says what to do.
    """
    plain: Any = OmegaConf.to_container(config, resolve=True)
    plan, executor = plan_of(config), executor_of(config)
    output, named = output_folder(config.output), input_paths(plain)
    workspace = Workspace(output)
    for folder in (output, workspace.work):
        refuse_overlap(folder, named)
    make_detector: Callable[[], Detector] | None = None
    check_values(config.detector)
    if plan.align is not None:
        make_detector = _maker(config)
        if config.executor == "local":
            make_detector()  # what it says of its values is told before photos are read
    source: FaceSource = build(config.source)
    files = files_of(source, named.get("source.root"))
    for folder in filter(Path.exists, (output, workspace.work)):
        refuse_files_inside(folder, files)
    inputs = {
        "source": plain["source"],
        "detector": plain["detector"] if plan.align is not None else None,
        "files": stamp(files),
    }
    if plan.align is not None and config.align.second_try:  # absent where there is none, so that runs of before go on
        inputs["second_try"] = plain["align"]["second_try"]
    return run(
        source,
        plan,
        make_detector,
        executor,
        workspace,
        inputs,
        overwrite=config.overwrite,
        keep_work=config.keep_work,
    )


def _maker(config: DictConfig) -> Callable[[], Detector]:
    """What builds the detector in the process that uses it, and can be sent there."""
    if config.align.second_try:
        node: Any = OmegaConf.to_container(config.detector, resolve=True)
        return DetectorMaker(node).with_second_tries(config.align.second_try)
    config = config.copy()
    OmegaConf.update(config, "detector._partial_", True, force_add=True)
    return build(config.detector)


def plan_of(config: DictConfig) -> Plan:
    """The steps of a configuration.

    Raises:
        ConfigError: A value out of range.
    """
    plain: Any = OmegaConf.to_container(config, resolve=True)
    steps: list[str] = plain["steps"]
    if unknown := set(steps) - set(STEPS):
        raise ConfigError(f"steps={steps} names {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    height, width = plain["image_size"]
    rules: dict[str, Any] = {
        "align": AlignRules(height, width, quality=plain["quality"], **_without(plain["align"], "second_try")),
        "clean": CleanRules(**plain["clean"]),
        "balance": BalanceRules.from_config(plain["balance"]),
        "split": SplitShares(**plain["split"]),
    }
    return Plan(
        **{step: rules[step] for step in STEPS if step in steps},
        suspects=SuspectRules(**plain["suspects"]) if "clean" in steps else None,
        model_path=plain["model_path"],
        pack=PackRules(plain["format"], plain["materialise"], plain["quality"], plain["pairs"]),
        max_broken=plain["max_broken"],
        index_suffix=f".{plain['index']}",
        seed=plain["seed"],
    )


def _without(keys: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if key != name}


def executor_of(config: DictConfig) -> Executor:
    """Who works on the photos.

    Raises:
        ConfigError: There is no such executor, or it is not installed.
    """
    match config.executor:
        case "local":
            return Local(config.workers)
        case "ray":
            return Ray(config.workers, config.ray_address)
    raise ConfigError(f"executor={config.executor} must be local or ray")
