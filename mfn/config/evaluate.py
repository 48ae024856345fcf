"""What the keys of ``conf/evaluate.yaml`` may hold."""

from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator, BeforeValidator, Field

from mfn.config.settings import Channels, Number, Positive, Settings, Spread, Text, Whole, wanted

Rate = Annotated[Number, Field(gt=0, lt=1)]


def _device(value: str) -> str:
    try:
        torch.device(value)
    except RuntimeError as error:
        raise ValueError("no device") from error
    return value


def _way(value: Any) -> Any:
    """Of mirroring; true and false are what earlier versions took."""
    return {True: "sum", False: "none"}[value] if isinstance(value, bool) else value


class StatedContract(Settings):
    """What the user says of the pixels a file expects; null where the file says it."""

    color: Literal["RGB", "BGR"] | None = wanted("RGB, BGR, or null where the file says it")
    mean: Channels | None = wanted("three numbers, as [127.5,127.5,127.5], or null where the file says it")
    std: tuple[Spread, Spread, Spread] | None = wanted("three positive numbers, or null where the file says it")


class IjbSettings(Settings):
    """How templates are made, see :func:`mfn.evaluation.ijb.run_ijb`."""

    cache: Text = wanted("a folder")
    keep_norm: bool = wanted("true or false")
    detector_weight: bool = wanted("true or false")
    media_pooling: bool = wanted("true or false")


class BenchmarkSettings(Settings):
    """Where the chosen sets lie; their own keys are checked by what reads them."""

    root: Text | None = wanted("the folder of the sets or a file, as in benchmark.root=DIR")
    allow_missing: bool = wanted("true or false")


class Paths(Settings):
    """Where the report goes."""

    output: Text = wanted("a folder")


class EvaluateSettings(Settings):
    """Of the whole configuration."""

    model_path: Text = wanted("the network file to judge, as in model_path=FILE")
    contract: StatedContract = wanted("the keys of the contract")
    benchmark: BenchmarkSettings = wanted("one or several, as benchmark=[lfw,cfp_fp]")
    device: Annotated[str, AfterValidator(_device)] = wanted("cpu, cuda, cuda:NUMBER or another of PyTorch's devices")
    batch_size: Positive = wanted("a whole number of at least 1")
    num_workers: Annotated[Whole, Field(ge=0, le=1024)] = wanted("a whole number up to 1024, 0 for none")
    flip: Annotated[Literal["none", "sum", "concat"], BeforeValidator(_way)] = wanted("none, sum or concat")
    score: Literal["cosine", "euclidean", "angle"] = wanted("cosine, euclidean or angle")
    pca: Positive | None = wanted("a whole number of at least 1, or null")
    bootstrap: Annotated[Whole, Field(ge=0, le=1_000_000)] = wanted("a whole number up to 1000000, 0 for none")
    store_threshold: Rate | None = wanted("a false accept rate between 0 and 1, as 1e-3, or null")
    probe: bool = wanted("true or false")
    probe_pairs: Annotated[Whole, Field(ge=4)] = wanted("a whole number of at least 4")
    cache: Text | None = wanted("a folder, or null")
    ijb: IjbSettings = wanted("the keys of ijb")
    paths: Paths = wanted("where the report goes")
