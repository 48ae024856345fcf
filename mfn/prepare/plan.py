"""What a run of `mfn prepare` does."""

from dataclasses import dataclass, field

from mfn.errors import ConfigError
from mfn.prepare.align_step import AlignRules
from mfn.prepare.balance import BalanceRules
from mfn.prepare.clean import CleanRules
from mfn.prepare.pack_step import PackRules
from mfn.prepare.split_step import SplitShares
from mfn.prepare.suspects import SuspectRules


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with the photos. A step that is None is left out.

    Attributes:
        align: How faces are cut out of the photos; None takes the images as they are, byte for byte.
        clean: What is dropped.
        suspects: Which faces and identities look wrong to `model_path`; not asked where there is no model.
        model_path: Any network that embeds faces; the length of its embeddings is the quality that `clean` asks, unless
            that names another network.
        balance: What is done about identities with few or many images.
        split: What does not train.
        pack: What is written.
        max_broken: Share of images that may be broken.
        index_suffix: Of the index: .csv or .parquet.
        seed: Of every random choice.

    Raises:
        ConfigError: A value out of range.
    """

    align: AlignRules | None = None
    clean: CleanRules | None = None
    suspects: SuspectRules | None = None
    model_path: str | None = None
    balance: BalanceRules | None = None
    split: SplitShares | None = None
    pack: PackRules = field(default_factory=PackRules)
    max_broken: float = 0.2
    index_suffix: str = ".csv"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.max_broken <= 1:
            raise ConfigError(f"max_broken={self.max_broken} must be a share from 0 to 1")
        if self.index_suffix not in (".csv", ".parquet"):
            raise ConfigError(f"index={self.index_suffix.removeprefix('.')} must be csv or parquet")
        asked = None if self.clean is None or self.clean.quality is not None else self.clean.min_quality
        if asked is not None and self.model_path is None:
            raise ConfigError(
                f"clean.min_quality={asked:g} needs a network that tells it: give model_path=FILE for "
                "the length of its embeddings, or clean.quality=FILE"
            )
