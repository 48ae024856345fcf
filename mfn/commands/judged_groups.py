"""What an evaluation's configuration wants of groups and quality, checked before anything is embedded."""

import logging
from collections.abc import Mapping
from pathlib import Path

from mfn.benchmarks.attributes import read_attributes
from mfn.benchmarks.preconditions import Benchmark
from mfn.benchmarks.verification import VerificationSet
from mfn.config.evaluate import EvaluateSettings
from mfn.contract import InputContract
from mfn.errors import ConfigError, DataError
from mfn.evaluation.all_groups import nobody_named
from mfn.evaluation.groupings import image_groups
from mfn.evaluation.groups import GroupChoice, values_of
from mfn.evaluation.quality import QualityChoice, column_quality
from mfn.inference.loading import SUFFIXES
from mfn.inference.quality import quality_network

log = logging.getLogger(__name__)


def group_choice(config: EvaluateSettings, contract: InputContract) -> GroupChoice:
    """The groups that are wanted; the stored threshold counts where it is for these embeddings.

    Raises:
        DataError: The CSV cannot be read.
    """
    wanted = config.groups
    return GroupChoice(
        by=wanted.by,
        gap=wanted.gap,
        same=wanted.same,
        bins=wanted.bins,
        gap_bins=wanted.gap_bins,
        comparisons=wanted.comparisons,
        fmr=wanted.fmr,
        stored=contract.threshold if contract.threshold_flip in (None, config.flip) else None,
        table=None if wanted.file is None else read_attributes(Path(wanted.file)),
    )


def quality_choice(config: EvaluateSettings, contract: InputContract) -> QualityChoice:
    """The curves that are wanted.

    Raises:
        ConfigError: A network of quality takes other crops than the judged one.
        CheckpointError: It cannot be loaded.
        DataError: The CSV cannot be read.
    """
    wanted = config.quality
    table = None if wanted.file is None else read_attributes(Path(wanted.file))
    columns = () if table is None else table.columns
    files = [name for name in wanted.by if name not in columns and Path(name).suffix.lower() in SUFFIXES]
    networks = {name: quality_network(name, contract).to(config.device) for name in files}
    return QualityChoice(by=wanted.by, limit=wanted.discard, fmr=wanted.fmr, table=table, networks=networks)


def check_groups(config: EvaluateSettings, contract: InputContract, benchmarks: Mapping[str, Benchmark]) -> None:
    """Makes sure that what is wanted of groups and quality is known of every set of pairs.

    Raises:
        ConfigError: Keys that have no effect, or no set of pairs to judge.
        DataError: A CSV that cannot be read, lacks a column or names none of a set's images; columns that do not do.
    """
    groups, quality = group_choice(config, contract), quality_choice(config, contract)
    if groups.table is not None and not groups.columns:
        has = ", ".join(groups.table.columns)
        raise ConfigError(f"groups.file is given but no column: name one or two of {has} in groups.by=[...]")
    if quality.table is not None and not any(map(quality.is_column, quality.by)):
        has = ", ".join(quality.table.columns)
        raise ConfigError(f"quality.file is given but no column: name one of {has} in quality.by=[...]")
    sets = [pairs for pairs in benchmarks.values() if isinstance(pairs, VerificationSet)]
    others = [each.name for each in benchmarks.values() if not isinstance(each, VerificationSet)]
    if groups.columns or quality.by:
        if not sets:
            raise ConfigError(
                f"groups and quality are of pairs of images, and {', '.join(others)} has none: name a set of pairs "
                "among the benchmarks too, as benchmark=[lfw,NAME]"
            )
        for name in others:
            log.warning("%s has no pairs of images: nothing is said of its groups and qualities", name)
    for pairs in sets:
        values = values_of(pairs, groups)
        if groups.by:
            image_groups({name: values[name] for name in groups.by}, groups.bins)
        if groups.columns and groups.comparisons == "all" and pairs.identities is None:
            raise DataError(nobody_named(pairs.name))
        for name in quality.by:
            if quality.is_column(name):
                column_quality(pairs, name, quality.table)
