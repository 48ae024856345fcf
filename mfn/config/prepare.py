"""The keys of `conf/prepare*.yaml`: of what type and size each must be, told before data is read."""

from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mfn.config.quoting import hydra_value
from mfn.errors import ConfigError

_MISSING = "???"

Whole = Annotated[int, Field(ge=0, description="a whole number from 0")]
Count = Annotated[int, Field(ge=1, description="a whole number from 1")]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="a whole number from 0 to below 2^63")]
Share = Annotated[float, Field(ge=0, lt=1, description="a share from 0 to below 1")]
Cosine = Annotated[float, Field(ge=-1, le=1, description="a cosine from -1 to 1")]
Amount = Annotated[float, Field(ge=0, description="a number from 0")]
Switch = Annotated[bool, Field(description="true or false")]
Text = Annotated[str, Field(min_length=1, description="a name")]
Place = Annotated[str, Field(min_length=1, description="a path, where . is the current folder")]
PlaceOrNull = Annotated[str | None, Field(min_length=1, description="null or a path, where . is the current folder")]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Source(_Keys):
    """`source=`: a source of the user's own may have other keys."""

    model_config = ConfigDict(extra="allow")
    root: Place = ""
    path: Place = ""
    pack: Text = "train"
    virtual_copies: Switch = True


class Detector(_Keys):
    """`detector=`: one of the user's own may have other keys."""

    model_config = ConfigDict(extra="allow")
    min_face: Annotated[float, Field(ge=1, description="a number of pixels from 1")] = 20
    thresholds: Annotated[
        list[Share], Field(min_length=3, max_length=3, description="three numbers from 0 to below 1")
    ] = [0.6, 0.7, 0.7]
    factor: Annotated[float, Field(gt=0, lt=1, description="a number between 0 and 1")] = 0.709
    max_side: Annotated[int | None, Field(ge=12, description="null or a number of pixels from 12")] = None
    batch_size: Count = 1
    device: Text = "cpu"
    path: Place = ""
    model_path: Place = ""
    score: Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1")] = 0.9
    overlap: Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1")] = 0.3


class Align(_Keys):
    """`align.*`."""

    several: Annotated[Literal["skip", "largest", "central"], Field(description="skip, largest or central")]
    missing: Annotated[Literal["skip", "centre", "fail"], Field(description="skip, centre or fail")]


class Clean(_Keys):
    """`clean.*`."""

    min_face: Amount
    min_blur: Amount
    grey: Switch
    duplicate_distance: Annotated[int | None, Field(ge=0, le=15, description="null or from 0 to 15 bits")]
    shared: Switch


class Suspects(_Keys):
    """`suspects.*`."""

    list_below: Cosine
    drop_below: Annotated[float | None, Field(ge=-1, le=1, description="null or a cosine from -1 to 1")]
    list_above: Cosine
    merge_above: Annotated[float | None, Field(ge=-1, le=1, description="null or a cosine from -1 to 1")]


class Split(_Keys):
    """`split.*`."""

    val_fraction: Share
    held_out_identities: Share


class Band(_Keys):
    """One of `balance.bands`."""

    above: Whole
    upto: Annotated[int | None, Field(ge=1, description="null or a whole number from 1")]
    copies: Annotated[list[str], Field(description="a list of names")] = []


class Balance(_Keys):
    """`balance.*`."""

    min_images: Count
    max_images: Annotated[int | None, Field(ge=1, description="null or a whole number from 1")]
    bands: Annotated[list[Band], Field(description="a list such as [{above:90,upto:200,copies:[hsv]}]")]


_SIDE = Annotated[int, Field(ge=16, le=1024)]
_STEP = Literal["align", "clean", "balance", "split"]


class Prepare(_Keys):
    """`conf/prepare.yaml`."""

    source: Source
    detector: Detector
    balance: Balance
    output: Place
    steps: Annotated[list[_STEP], Field(description="a list of align, clean, balance and split, such as [align,clean]")]
    seed: Seed
    image_size: Annotated[
        list[_SIDE], Field(min_length=2, max_length=2, description="height and width from 16 to 1024, as in [112,112]")
    ]
    align: Align
    quality: Annotated[int, Field(ge=1, le=100, description="a whole number from 1 to 100")]
    max_broken: Annotated[float, Field(ge=0, le=1, description="a share from 0 to 1")]
    clean: Clean
    model_path: PlaceOrNull
    suspects: Suspects
    split: Split
    pairs: Whole
    format: Annotated[Literal["pack", "folder"], Field(description="pack or folder")]
    materialise: Switch
    index: Annotated[Literal["csv", "parquet"], Field(description="csv or parquet")]
    executor: Annotated[Literal["local", "ray"], Field(description="local or ray")]
    workers: Annotated[int | None, Field(ge=0, description="null, for one for each core, or a whole number from 0")]
    ray_address: Annotated[str | None, Field(min_length=1, description="null or an address")]
    overwrite: Switch
    keep_work: Switch


class Benchmark(_Keys):
    """`benchmark.*`, beside the sets that were chosen."""

    model_config = ConfigDict(extra="allow")
    root: PlaceOrNull
    allow_missing: Switch


class PrepareBin(_Keys):
    """`conf/prepare_bin.yaml`."""

    benchmark: Benchmark
    output: Place
    overwrite: Switch


class PreparePairs(_Keys):
    """`conf/prepare_pairs.yaml`."""

    root: Place
    output: Place
    sampling: Annotated[Literal["balanced", "by_person"], Field(description="balanced or by_person")]
    folds: Annotated[int, Field(ge=2, description="a whole number from 2")]
    pairs_per_fold: Annotated[int, Field(ge=2, multiple_of=2, description="an even number from 2")]
    num_person: Annotated[int | None, Field(ge=2, description="null or a whole number from 2")]
    num_sample: Annotated[int, Field(ge=2, description="a whole number from 2")]
    seed: Seed


def check(keys: type[BaseModel], config: Mapping[str, Any]) -> None:
    """Makes sure that all values of a configuration are of the right type and size.

    Args:
        keys: What they must be.
        config: The composed configuration as plain values; "???" where a value must be given.

    Raises:
        ConfigError: One is not; the message names its key.
    """
    if (missing := _missing(config)) is not None:
        raise ConfigError(f"{missing} must be given, as in {missing}=PATH")
    try:
        keys.model_validate(dict(config))
    except ValidationError as error:
        first = error.errors()[0]
        path, what = _expected(keys, first["loc"])
        if first["type"] == "extra_forbidden" and len(path) + 1 == len(first["loc"]):
            raise ConfigError(f"{'.'.join(map(str, first['loc']))} is no key of mfn prepare, see --help") from None
        if first["type"] == "missing" and len(path) == len(first["loc"]):
            raise ConfigError(f"{'.'.join(path)} must be given, and be {what}") from None
        value: Any = reduce(lambda part, name: part[name], path, config)
        shown = value if isinstance(value, str) else hydra_value(value)
        raise ConfigError(f"{'.'.join(path)}={shown} must be {what}") from None


def _missing(config: Mapping[str, Any], prefix: str = "") -> str | None:
    for key, value in config.items():
        if value == _MISSING:
            return prefix + key
        if isinstance(value, Mapping) and (found := _missing(value, f"{prefix}{key}.")) is not None:
            return found
    return None


def _expected(keys: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[str], str]:
    """The key that an error is about, and what its value must be."""
    path, what = list[str](), "a group of keys"
    for part in location:
        field = keys.model_fields.get(str(part))
        if field is None:
            break
        path.append(str(part))
        what = field.description or what
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            break
        keys = field.annotation
    return path, what
