"""What the keys of ``conf/export.yaml`` may hold."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mfn.config.evaluate import BenchmarkSettings, FitRule, Flip
from mfn.config.evaluate_groups import Columns
from mfn.config.settings import NotNegative, Number, Place, Positive, Settings, Text, Whole, wanted


def _listed(value: Any) -> Any:
    """Several values, of which one alone needs no brackets."""
    return value if isinstance(value, list) else [value]


class TargetSettings(Settings):
    """Of the choice of targets; each target's own keys are checked by what is built from them."""

    allow_missing: bool = wanted("true or false")


class LimitSettings(Settings):
    """Ranges of :class:`mfn.export.limits.Limits`."""

    min_cosine: Annotated[Number, Field(ge=-1, le=1)] | None = wanted("a cosine, as 0.9999, or null")
    max_accuracy_drop: Annotated[Number, Field(ge=0, le=1)] | None = wanted("a share from 0 to 1, as 0.005, or null")
    max_tar_drop: Annotated[Number, Field(ge=0, le=1)] | None = wanted("a share from 0 to 1, as 0.01, or null")
    max_bytes: Positive | None = wanted("a whole number of bytes, or null")


class CheckSettings(Settings):
    """What files are checked on, see :func:`mfn.export.check_faces.check_faces`."""

    root: Place | None = wanted("an InsightFace pack, a folder of people, or null")
    faces: Annotated[Whole, Field(ge=3, le=20_000)] = wanted("a whole number from 3 to 20000")
    groups: Place | None = wanted("a CSV of persons' or images' attributes, or null")
    by: Annotated[Columns, Field(max_length=2)] = wanted("one or two different columns of check.groups, or []")


class LatencySettings(Settings):
    """How time is measured."""

    rounds: NotNegative = wanted("a whole number, 0 for none")
    threads: Annotated[
        tuple[Annotated[Whole, Field(ge=1, le=1024)], ...], BeforeValidator(_listed), Field(min_length=1)
    ] = wanted("one or several whole numbers from 1 to 1024, as [1,2]")
    plain: bool = wanted("true or false")


class Paths(Settings):
    """Where the files go."""

    output: Place = wanted("a folder, as paths.output=DIR")


class ExportSettings(Settings):
    """Of the whole configuration."""

    model_path: Place = wanted("the checkpoint to export, as in model_path=FILE")
    precision: Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1)] = wanted(
        "one or several, as precision=fp32,int8"
    )
    name: Text | None = wanted("a plain name without folder and suffix, or null")
    input: Literal["float32", "uint8"] = wanted("float32 or uint8")
    color: Literal["RGB", "BGR"] | None = wanted("RGB, BGR, or null for the network's own")
    l2_normalize: bool = wanted("true or false")
    target: TargetSettings = wanted("one or several, as target=onnx,litert")
    calibration: Place | None = wanted("an InsightFace pack, a folder of people, a .bin pack, or null")
    calibration_count: Positive = wanted("a whole number of at least 1")
    kit: bool = wanted("true or false")
    kit_faces: Positive = wanted("a whole number of at least 1")
    fit: FitRule = wanted("exact or resize")
    check_alignment: bool = wanted("true or false")
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = wanted("a whole number from 0 to 4294967295")
    benchmark: BenchmarkSettings = wanted("one or several, as benchmark=lfw,cfp_fp")
    folds: Annotated[Whole, Field(ge=2)] | None = wanted("a whole number of at least 2, or null")
    flip: Flip = wanted("none, sum or concat")
    batch_size: Positive = wanted("a whole number of at least 1")
    check: CheckSettings = wanted("the keys of check")
    limits: LimitSettings = wanted("the keys of limits")
    latency: LatencySettings = wanted("the keys of latency")
    paths: Paths = wanted("where the files go")
