"""What a pack needs to be trained on, beside its name."""

from dataclasses import dataclass

from mfn.config.quoting import quoted_override
from mfn.data.splits import SplitRules, split
from mfn.errors import ConfigError
from mfn.sources.source import FaceSource, copies_of


@dataclass(frozen=True, slots=True)
class TrainingDefaults:
    """What training does where nobody says otherwise.

    Attributes:
        val_identities: Share of the people held out to judge on; None for one that fits the data.
        batch_size: Images in a step.
        image_size: Height and width.
        seed: Of all choices.
    """

    val_identities: float | None
    batch_size: int
    image_size: tuple[int, int]
    seed: int


def training_overrides(source: FaceSource, held_out: str | None, defaults: TrainingDefaults) -> list[str]:
    """The overrides without which training on a source would end in an error, or would not judge.

    Args:
        source: What is trained on, with its virtual copies.
        held_out: A `.bin` of people who do not train, where there is one.
        defaults: Of training.

    Raises:
        ConfigError: The source has but one person.
    """
    overrides, share = list[str](), defaults.val_identities
    if held_out is not None:
        share = 0
        overrides += ["data.val_identities=0", "benchmark=file", quoted_override("benchmark.root", held_out)]
        overrides.append("metric=val/file/accuracy")
    copies = copies_of(source)
    origins = None if copies is None else copies.origins
    splits = split(source.labels, SplitRules(val_identities=share), defaults.seed, origins)
    if splits.label_map.size < 2:
        raise ConfigError("it holds one person, and telling people apart needs two")
    if splits.train.size < defaults.batch_size:
        overrides.append(f"data.batch_size={splits.train.size}")
    height, width = source.image(0).shape[:2]
    if (height, width) != defaults.image_size:
        overrides.append(f"image_size=[{height},{width}]")
    return overrides
