"""What the keys of ``conf/prepare_shards.yaml`` may hold."""

from typing import Annotated, Literal

from pydantic import Field

from mfn.config.prepare import Seed, Source
from mfn.config.settings import Number, Place, Positive, Settings, wanted


class PrepareShardsSettings(Settings):
    """Of the whole configuration."""

    source: Source = wanted("the keys of a source")
    output: Place = wanted("the folder to make, as in output=DIR")
    shard_mb: Annotated[Number, Field(ge=1, le=1_000_000)] = wanted("a number of megabytes from 1 to 1000000")
    shard_samples: Positive | None = wanted("a whole number of at least 1, or null")
    shuffle: bool = wanted("true or false")
    seed: Seed = wanted("a whole number from 0 to below 2^63")
    label: Literal["cls", "json"] = wanted("cls or json")
    overwrite: bool = wanted("true or false")
