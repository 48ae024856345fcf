"""What the keys of ``conf/prepare*.yaml`` may hold."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from omegaconf import DictConfig
from pydantic import ConfigDict, Field

from mfn.config.arguments import shown
from mfn.config.command_line import key_of
from mfn.config.evaluate import SECOND_TRIES, BenchmarkSettings
from mfn.config.settings import NotNegative, Number, Place, Positive, Settings, Text, Whole, wanted
from mfn.config.train import Factor, Share

Cosine = Annotated[Number, Field(ge=-1, le=1)]
WholeShare = Annotated[Number, Field(ge=0, le=1)]
Side = Annotated[Whole, Field(ge=16, le=1024)]
Seed = Annotated[Whole, Field(ge=0, lt=2**63)]
Step = Literal["align", "clean", "balance", "split"]


class Source(Settings):
    """Of ``source``, whatever its kind; it tells by itself which keys it does not know."""

    root: Place = wanted("the folder of the photos or of the pack, as in source.root=DIR")
    path: Place = wanted("the list of photos, as in source.path=FILE")
    person_level: Positive = wanted("a whole number of at least 1, the folder right below source.root")
    image_root: Place | None = wanted("the folder of the images whose paths the records hold, or null")
    split: Text | None = wanted("the name of a split, as train, or null")
    image_column: Text | None = wanted("the name of a column, or null to look for it")
    label_column: Text | None = wanted("the name of a column, or null to look for it")
    pack: Text = wanted("the name of a pack, such as train")
    virtual_copies: bool = wanted("true or false")


class Detector(Settings):
    """Of ``detector``, whatever its kind; it tells by itself which keys it does not know."""

    path: Place = wanted("the table of landmarks, as in detector.path=FILE")
    model_path: Place = wanted("the ONNX file, as in detector.model_path=FILE")
    min_face: Annotated[Number, Field(ge=1)] = wanted("a number of pixels of at least 1")
    thresholds: tuple[Share, Share, Share] = wanted("three numbers from 0 to below 1, as [0.6,0.7,0.7]")
    factor: Annotated[Number, Field(gt=0, lt=1)] = wanted("a number between 0 and 1")
    max_side: Annotated[Whole, Field(ge=12)] | None = wanted("a number of pixels of at least 12, or null")
    batch_size: Positive = wanted("a whole number of at least 1")
    device: Text = wanted("cpu, cuda or cuda:NUMBER")
    score: WholeShare = wanted("a number from 0 to 1")
    overlap: WholeShare = wanted("a number from 0 to 1")


class Align(Settings):
    """Of ``align``."""

    several: Literal["skip", "largest", "central"] = wanted("skip, largest or central")
    missing: Literal["skip", "centre", "fail"] = wanted("skip, centre or fail")
    second_try: list[Text] = wanted(SECOND_TRIES)


class Clean(Settings):
    """Of ``clean``."""

    min_face: Factor = wanted("a number of pixels that is not negative")
    min_blur: Factor = wanted("a number that is not negative")
    grey: bool = wanted("true or false")
    duplicate_distance: Annotated[Whole, Field(ge=0, le=15)] | None = wanted("a number of bits from 0 to 15, or null")
    shared: bool = wanted("true or false")
    min_quality: Number | None = wanted("a number, in the scale of the network that gives the quality, or null")
    quality: Place | None = wanted("a network file, or null for the length of model_path's embeddings")


class Suspects(Settings):
    """Of ``suspects``."""

    list_below: Cosine = wanted("a cosine from -1 to 1")
    drop_below: Cosine | None = wanted("a cosine from -1 to 1, or null")
    list_above: Cosine = wanted("a cosine from -1 to 1")
    merge_above: Cosine | None = wanted("a cosine from -1 to 1, or null")


class SplitSettings(Settings):
    """Of ``split``."""

    val_fraction: Share = wanted("a share from 0 to below 1")
    held_out_identities: Share = wanted("a share from 0 to below 1")


class BandSettings(Settings):
    """One of ``balance.bands``."""

    model_config = ConfigDict(extra="forbid")
    above: NotNegative
    upto: Positive | None
    copies: list[Text] = Field(default_factory=list)


class Balance(Settings):
    """Of ``balance``."""

    min_images: Positive = wanted("a whole number of at least 1")
    max_images: Positive | None = wanted("a whole number of at least 1, or null")
    bands: list[BandSettings] = wanted("a list such as [{above:90,upto:200,copies:[hsv]}]")


class PrepareSettings(Settings):
    """Of ``conf/prepare.yaml``."""

    source: Source = wanted("the keys of a source")
    detector: Detector = wanted("the keys of a detector")
    balance: Balance = wanted("the keys of balance")
    output: Place = wanted("the folder to make, as in output=DIR")
    steps: list[Step] = wanted("a list of align, clean, balance and split, as [align,clean]")
    seed: Seed = wanted("a whole number from 0 to below 2^63")
    image_size: tuple[Side, Side] = wanted("height and width from 16 to 1024 pixels, as [112,112]")
    align: Align = wanted("the keys of align")
    quality: Annotated[Whole, Field(ge=1, le=100)] = wanted("a whole number from 1 to 100")
    max_broken: WholeShare = wanted("a share from 0 to 1")
    clean: Clean = wanted("the keys of clean")
    model_path: Place | None = wanted("a network file, or null")
    suspects: Suspects = wanted("the keys of suspects")
    split: SplitSettings = wanted("the keys of split")
    pairs: NotNegative = wanted("a whole number, 0 for none")
    format: Literal["pack", "folder"] = wanted("pack or folder")
    materialise: bool = wanted("true or false")
    index: Literal["csv", "parquet"] = wanted("csv or parquet")
    executor: Literal["local", "ray"] = wanted("local or ray")
    workers: Annotated[Whole, Field(ge=0, le=1024)] | None = wanted("a whole number up to 1024, or null")
    ray_address: Text | None = wanted("the address of a cluster, or null")
    overwrite: bool = wanted("true or false")
    keep_work: bool = wanted("true or false")


class ChosenBenchmark(BenchmarkSettings):
    """Of ``benchmark``; the set's own keys are checked by what reads them."""

    root: Place | None = wanted("the folder of the set or a file, as in benchmark.root=DIR")


class PrepareBinSettings(Settings):
    """Of ``conf/prepare_bin.yaml``."""

    benchmark: ChosenBenchmark = wanted("one, as benchmark=lfw")
    output: Place = wanted("the file to write, as in output=lfw.bin")
    overwrite: bool = wanted("true or false")


class PreparePairsSettings(Settings):
    """Of ``conf/prepare_pairs.yaml``."""

    root: Place = wanted("a folder of one folder per person, or a pack, as in root=DIR")
    output: Place = wanted("the folder to make, as in output=DIR")
    sampling: Literal["balanced", "by_person"] = wanted("balanced or by_person")
    folds: Annotated[Whole, Field(ge=2)] = wanted("a whole number of at least 2")
    pairs_per_fold: Annotated[Whole, Field(ge=2, multiple_of=2)] = wanted("an even number of at least 2")
    num_person: Annotated[Whole, Field(ge=2)] | None = wanted("a whole number of at least 2, or null")
    num_sample: Annotated[Whole, Field(ge=2)] = wanted("a whole number of at least 2")
    seed: Seed = wanted("a whole number from 0 to below 2^63")


_STEP_OF = {
    **dict.fromkeys(("align", "detector", "image_size"), "align"),
    **dict.fromkeys(("clean", "suspects", "model_path"), "clean"),
    **{step: step for step in ("balance", "split")},
}
"""The only step that reads a group of keys."""


def idle_overrides(overrides: Iterable[str], config: DictConfig) -> Iterator[str]:
    """What was typed for `mfn prepare` and changes nothing beside the rest, a sentence for each.

    Args:
        overrides: As typed.
        config: Of ``conf/prepare.yaml``, with values of their own types.
    """
    for override in overrides:
        key = key_of(override)
        group = key.partition(".")[0]
        if (step := _STEP_OF.get(group)) is not None and step not in config.steps:
            yield f"{override} has no effect: steps={shown(list(config.steps))} leaves {step} out"
        elif group == "suspects" and config.model_path is None:
            yield f"{override} has no effect without model_path=FILE, the network that looks for suspects"
        elif group == "pairs" and not ("split" in config.steps and config.split.held_out_identities):
            yield f"{override} has no effect without split.held_out_identities, the share of people to make pairs of"
        elif group == "ray_address" and config.executor != "ray":
            yield f"{override} has no effect without executor=ray"
