"""What the keys of ``conf/train.yaml`` may hold."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mfn.config.settings import (
    Channels,
    NotNegative,
    Number,
    PixelSpread,
    Place,
    Positive,
    Settings,
    Spread,
    Text,
    Whole,
    wanted,
)
from mfn.config.size_stages import rising_stages, size_stages

Side = Annotated[Whole, Field(ge=16, le=4096)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Factor = Annotated[Number, Field(ge=0)]
SizeStages = Annotated[
    tuple[tuple[Side, Annotated[Number, Field(gt=0, le=1)]], ...],
    BeforeValidator(size_stages),
    AfterValidator(rising_stages),
]

PICKED = "auto"
"""The ``trainer.precision`` that is filled in with the fastest that keeps accuracy."""


class Contract(Settings):
    """Of ``contract``."""

    color: Literal["RGB", "BGR"] = wanted("RGB or BGR")
    mean: Channels = wanted("three numbers, as [127.5,127.5,127.5]")
    std: tuple[PixelSpread, PixelSpread, PixelSpread] = wanted("three numbers of at least 1, as [127.5,127.5,127.5]")


class Data(Settings):
    """Of ``data``, whatever the source."""

    root: Text = wanted("the folder of the data, as in data.root=DIR")
    person_level: Positive = wanted("a whole number of at least 1, the folder right below data.root")
    image_root: Text | None = wanted("the folder of the images, or null")
    split: Text | None = wanted("the name of a split, as train, or null")
    image_column: Text | None = wanted("the name of a column, or null to look for it")
    label_column: Text | None = wanted("the name of a column, or null to look for it")
    val_root: Text | None = wanted("a folder of further images of the same people, or null")
    sources: dict[str, Any] = wanted("where each source lies, as in data.sources.NAME.root=DIR")
    weights: dict[str, Spread | None] = wanted("a positive number for a source, as in data.weights.NAME=0.7, or null")
    val_roots: dict[str, Text | None] = wanted("a folder for a source, as in data.val_roots.NAME=DIR, or null")
    merge: Literal["apart", "by_name"] = wanted("apart or by_name")
    open_shards: Positive | None = wanted("a whole number of at least 1, or null")
    cache: Text | None = wanted("a folder for shards, or null")
    cache_gb: Spread = wanted("a number of gigabytes above 0")
    batch_size: Positive = wanted("a whole number of at least 1")
    eval_batch_size: Positive = wanted("a whole number of at least 1")
    num_workers: NotNegative = wanted("a whole number, 0 for none")
    decode: Literal["worker", "device"] = wanted("worker or device")
    multiprocessing_context: Literal["fork", "spawn", "forkserver"] | None = wanted("fork, spawn, forkserver or null")
    shuffle: bool | Literal["once"] = wanted("true, false or once")
    drop_last: bool = wanted("true or false")
    size_schedule: SizeStages | None = wanted(
        "heights of at least 16 pixels and the share of the run at which each ends, both rising, as [64:0.5,96:0.8]; "
        "in a file each in quotes, as '64:0.5'"
    )
    per_identity: Positive = wanted("a whole number of at least 1")
    min_images: Positive = wanted("a whole number of at least 1")
    max_images: Positive | None = wanted("a whole number of at least 1, or null")
    val_fraction: Share = wanted("a share from 0 to below 1")
    val_identities: Share | None = wanted("a share from 0 to below 1, or null for one that fits the data")
    val_pairs: Annotated[Whole, Field(ge=20)] = wanted("a whole number of at least 20")


class Trainer(Settings):
    """Of ``trainer``, as far as Lightning itself tells it late or not at all."""

    max_epochs: Positive | Literal[-1] | None = wanted("a whole number of at least 1, or -1")
    max_steps: Positive | Literal[-1] = wanted("a whole number of at least 1, or -1")
    num_nodes: Positive | Literal["auto"] = wanted("a whole number of machines, or auto for those that were started")
    sync_batchnorm: bool = wanted("true or false")
    accumulate_grad_batches: Positive = wanted("a whole number of at least 1")
    gradient_clip_val: Spread | None = wanted("a positive number, or null")
    val_check_interval: Positive | Annotated[Number, Field(gt=0, le=1)] = wanted(
        "a share of an epoch, as 0.5 or 1.0, or a whole number of batches"
    )
    check_val_every_n_epoch: Positive | None = wanted("a whole number of at least 1")
    limit_train_batches: Positive | Annotated[Number, Field(gt=0, le=1)] = wanted(
        "a share of an epoch above 0 and up to 1.0, or a whole number of batches"
    )
    limit_val_batches: NotNegative | Annotated[Number, Field(ge=0, le=1)] = wanted(
        "a share up to 1.0, or a whole number of batches"
    )
    num_sanity_val_steps: Annotated[Whole, Field(ge=-1)] = wanted("a whole number, -1 for all")
    log_every_n_steps: Positive = wanted("a whole number of at least 1")
    deterministic: bool | Literal["warn"] = wanted("true, false or warn")
    benchmark: bool | None = wanted("true, false or null")


class Paths(Settings):
    """Of ``paths``."""

    output: Text = wanted("a folder, as paths.output=DIR")


class TrainSettings(Settings):
    """Of the whole configuration, but for what is built from it, which checks itself."""

    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = wanted("a whole number from 0 to 4294967295")
    image_size: tuple[Side, Side] = wanted("height and width of at least 16 pixels, as [112,112]")
    fit: Literal["exact", "resize"] = wanted("exact or resize")
    check_alignment: bool = wanted("true or false")
    contract: Contract = wanted("the keys of the contract")
    data: Data = wanted("the keys of a data set")
    trainer: Trainer = wanted("the keys of a trainer")
    last_weight_decay: Factor = wanted("a number that is not negative")
    head_lr_factor: Factor = wanted("a number that is not negative")
    norm_lr_factor: Factor = wanted("a number that is not negative")
    head_weight: Factor = wanted("a number that is not negative")
    head_weight_end: Factor | None = wanted("a number that is not negative, or null")
    teacher: Text | None = wanted("a network file, a name that mfn fetch brought, or null")
    teacher_cache: Text | None = wanted("a folder, or null")
    qat: bool = wanted("true or false")
    norm_penalty: Factor = wanted("a number that is not negative")
    channels_last: bool = wanted("true or false")
    grad_checkpointing: bool = wanted("true or false")
    compile: bool | Literal["reduce-overhead"] = wanted("true, false or reduce-overhead")
    matmul_precision: Literal["highest", "high", "medium"] | None = wanted("highest, high, medium or null")
    look_every_n_steps: Positive | None = wanted("a whole number of at least 1, or null")
    keep_freed_memory: bool = wanted("true or false")
    metric: Text = wanted("the name of a metric, as val/held_out/accuracy")
    mode: Literal["min", "max"] = wanted("min or max")
    model_path: Place | None = wanted("a checkpoint, or null")
    paths: Paths = wanted("where the run writes")
    why_experiment: str | None = wanted("the reason for the choice of the experiment, or null")
    why_precision: str | None = wanted("the reason for the choice of the precision, or null")
    ckpt_path: Text | None = wanted("last, a checkpoint of a run, or null")
