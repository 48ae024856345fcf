"""What there is to train and judge on, as the rows of a table."""

import numpy as np

from mfn.data.splits import Splits
from mfn.sources.known_people import KnownImages
from mfn.sources.source import FaceSource, copies_of, passed_over_of


def rows_of_training(source: FaceSource, splits: Splits) -> dict[str, int | str]:
    """What a source holds, and how much of it trains."""
    per_class = np.bincount(splits.train_classes)
    copies = copies_of(source)
    is_copy = copies.codes > 0 if copies else np.zeros(len(source), bool)
    images, copied = int((~is_copy).sum()), int(is_copy[splits.train].sum())
    kept = splits.train.size - copied + splits.validation.size + splits.held_out.size
    return {
        "source": source.name,
        "images": images,
        "identities": np.unique(source.labels).size,
        **passed_over_of(source).rows("passed over: "),
        "images dropped by min_images and max_images": images - kept,
        "training images": splits.train.size,
        **({"virtual copies among them": copied} if copies else {}),
        "training identities": splits.label_map.size,
        "images per training identity": f"{per_class.min()} to {per_class.max()}, median {np.median(per_class):g}",
    }


def rows_of_validation(source: FaceSource, splits: Splits, known: KnownImages) -> dict[str, int | str]:
    """How much of a source, or of further images in `known`, is kept to look at."""
    return {
        "validation images of the same identities": known.positions.size,
        **({"passed over there, of other identities": known.strangers} if known.strangers else {}),
        **({} if known.source is source else passed_over_of(known.source).rows("passed over there: ")),
        "held-out images": splits.held_out.size,
        "held-out identities": np.unique(source.labels[splits.held_out]).size,
    }
