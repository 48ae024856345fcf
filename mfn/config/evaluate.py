"""The keys of ``conf/evaluate.yaml`` with their types and ranges."""

from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator


def _place(value: Any) -> str:
    """A path, which may be of any bytes; a folder's name may be one that the command line took for a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("must be a path: put what looks like a number in two kinds of quotes, '\"1e3\"'")
    if not value:
        raise ValueError("must not be empty; '.' is the current folder")
    return value


def _is_device(value: str) -> str:
    try:
        torch.device(value)
    except RuntimeError:
        raise ValueError("must be cpu, cuda, cuda:NUMBER or another of PyTorch's devices") from None
    return value


def _way(value: Any) -> Any:
    return {True: "sum", False: "none"}[value] if isinstance(value, bool) else value


def _positive(values: list[float]) -> list[float]:
    if min(values) <= 0:
        raise ValueError("must be positive numbers")
    return values


Place = Annotated[str, PlainValidator(_place)]
Triple = Annotated[list[float], Field(min_length=3, max_length=3)]


class _Settings(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=())


class StatedContract(_Settings):
    """What the user says of the pixels a file expects; null where the file says it."""

    color: Literal["RGB", "BGR"] | None
    mean: Triple | None
    std: Annotated[Triple, AfterValidator(_positive)] | None
    height: Annotated[int, Field(ge=1, le=4096)] | None
    width: Annotated[int, Field(ge=1, le=4096)] | None
    pixels: bool | None


class IjbSettings(_Settings):
    """How templates are made, see :func:`mfn.evaluation.ijb.run_ijb`."""

    cache: Place
    keep_norm: bool
    detector_weight: bool
    media_pooling: bool


class BenchmarkSettings(BaseModel):
    """Where the chosen sets lie; their own keys are checked by what reads them."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    root: Place | None
    allow_missing: bool


class Paths(_Settings):
    """Where the report goes."""

    output: Place


class EvaluateSettings(_Settings):
    """All keys of an evaluation."""

    model_path: Place
    contract: StatedContract
    trust_torchscript: bool
    benchmark: BenchmarkSettings
    device: Annotated[str, AfterValidator(_is_device)]
    batch_size: Annotated[int, Field(ge=1)]
    num_workers: Annotated[int, Field(ge=0, le=1024)]
    flip: Annotated[Literal["none", "sum", "concat"], BeforeValidator(_way)]
    score: Literal["cosine", "euclidean", "angle"]
    pca: Annotated[int, Field(ge=1)] | None
    bootstrap: Annotated[int, Field(ge=0, le=1_000_000)]
    store_threshold: Annotated[float, Field(gt=0, lt=1)] | None
    probe: bool
    probe_pairs: Annotated[int, Field(ge=4)]
    cache: Place | None
    ijb: IjbSettings
    paths: Paths
