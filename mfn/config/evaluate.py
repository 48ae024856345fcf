"""What the keys of ``conf/evaluate.yaml`` may hold."""

from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator, BeforeValidator, Field

from mfn.config.evaluate_groups import GroupSettings, QualitySettings
from mfn.config.settings import Channels, Number, PixelSpread, Place, Positive, Settings, Text, Whole, wanted

Side = Annotated[Whole, Field(ge=1, le=4096)]
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


Flip = Annotated[Literal["none", "sum", "concat"], BeforeValidator(_way)]
"""What is done with the embedding of the mirrored image."""


SECOND_TRIES = "a list of padded, turned, lower_threshold, mtcnn, yunet or YuNet's .onnx file, [] for none"
"""What ``second_try`` takes, in words."""

FitRule = Literal["exact", "resize"]
"""How images of another size come to the network's, see :class:`mfn.sources.fit.Fit`."""


class StatedContract(Settings):
    """What the user says of the pixels a file expects; null where the file says it."""

    color: Literal["RGB", "BGR"] | None = wanted("RGB, BGR, or null where the file says it")
    mean: Channels | None = wanted("three numbers, as [127.5,127.5,127.5], or null where the file says it")
    std: tuple[PixelSpread, PixelSpread, PixelSpread] | None = wanted(
        "three numbers of at least 1 for pixels of 0 to 255, or null where the file says it"
    )
    height: Side | None = wanted("a number of pixels up to 4096, or null where the file says it")
    width: Side | None = wanted("a number of pixels up to 4096, or null where the file says it")
    pixels: bool | None = wanted("true where the network normalises inside, or null")


class IjbSettings(Settings):
    """How templates are made, see :func:`mfn.evaluation.ijb.run_ijb`."""

    cache: Place = wanted("a folder")
    keep_norm: bool = wanted("true or false")
    detector_weight: bool = wanted("true or false")
    media_pooling: bool = wanted("true or false")


class PhotoSettings(Settings):
    """How faces are found in photos, see :func:`mfn.evaluation.photos.find_faces`."""

    several: Literal["central", "largest", "skip"] = wanted("central, largest or skip")
    second_try: list[Text] = wanted(SECOND_TRIES)
    min_face: Annotated[Number, Field(ge=0)] = wanted("a number of pixels that is not negative")
    detector: dict[str, Any] | None = wanted("keys of conf/detector, as {max_side:2048}, or null")


class BenchmarkSettings(Settings):
    """Where the chosen sets lie; their own keys are checked by what reads them."""

    root: Text | None = wanted("the folder of the sets or a file, as in benchmark.root=DIR")
    allow_missing: bool = wanted("true or false")


class Paths(Settings):
    """Where the report goes."""

    output: Place = wanted("a folder")


class EvaluateSettings(Settings):
    """Of the whole configuration."""

    model_path: Place = wanted("the network file to judge, as in model_path=FILE")
    contract: StatedContract = wanted("the keys of the contract")
    trust_torchscript: bool = wanted("true to run a .pt file, which is a program, or false")
    benchmark: BenchmarkSettings = wanted("one or several, as benchmark=[lfw,cfp_fp]")
    device: Annotated[str, AfterValidator(_device)] = wanted("cpu, cuda, cuda:NUMBER or another of PyTorch's devices")
    align: Text = wanted("none, mtcnn, yunet or YuNet's .onnx file")
    photos: PhotoSettings = wanted("the keys of photos")
    fit: FitRule = wanted("exact or resize")
    check_alignment: bool = wanted("true or false")
    batch_size: Positive = wanted("a whole number of at least 1")
    num_workers: Annotated[Whole, Field(ge=0, le=1024)] = wanted("a whole number up to 1024, 0 for none")
    flip: Flip = wanted("none, sum or concat")
    score: Literal["cosine", "euclidean", "angle"] = wanted("cosine, euclidean or angle")
    pca: Positive | None = wanted("a whole number of at least 1, or null")
    bootstrap: Annotated[Whole, Field(ge=0, le=1_000_000)] = wanted("a whole number up to 1000000, 0 for none")
    store_threshold: Rate | None = wanted("a false accept rate between 0 and 1, as 1e-3, or null")
    check_contract: bool = wanted("true or false")
    check_contract_pairs: Annotated[Whole, Field(ge=4)] = wanted("a whole number of at least 4")
    cache: Place | None = wanted("a folder, or null")
    overlap: list[Text] = wanted("overlap.json files of mfn overlap, as [overlap/overlap.json], or []")
    groups: GroupSettings = wanted("the keys of groups")
    quality: QualitySettings = wanted("the keys of quality")
    extrapolate: Positive | None = wanted("a number of people, as 100000, or null")
    ijb: IjbSettings = wanted("the keys of ijb")
    paths: Paths = wanted("where the report goes")
