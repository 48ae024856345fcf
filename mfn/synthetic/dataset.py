"""Built-in synthetic faces: aligned crops of synthetic people, drawn by numpy from a seed."""

from functools import lru_cache

import numpy as np

from mfn.errors import ConfigError
from mfn.synthetic.face import draw_face
from mfn.synthetic.kept import KeptPictures
from mfn.synthetic.person import Identity
from mfn.synthetic.sampling import sample_identity, sample_shot

_SMALLEST_SIDE = 32
_MAX_SEED = 2**32 - 1  # a larger one would take two words of the entropy and meet another seed's identities


class SyntheticFaces:
    """Synthetic faces as a source of labelled images: an image is drawn when asked for, and kept in memory.

    An image is a pure function of (seed, identity, image number), so a larger set holds the people of a
    smaller one, and sets of two seeds have nobody in common. Labels are 0..num_identities-1; the images of an
    identity follow each other.

    Args:
        num_identities: People, at least 1.
        images_per_identity: Images of each, at least 1.
        image_size: Height and width in pixels, at least 32. The height holds the 112 pixels of
            InsightFace's template, scaled; the width is cropped or widened around the middle, so that 112x96
            is the usual narrow crop.
        seed: 0..2**32-1.

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "synthetic"
    label_names: dict[int, str] | None = None

    def __init__(
        self,
        num_identities: int,
        images_per_identity: int,
        image_size: tuple[int, int] = (112, 112),
        seed: int = 0,
    ) -> None:
        for key, value in (("num_identities", num_identities), ("images_per_identity", images_per_identity)):
            if not _is_whole(value) or value < 1:
                raise ConfigError(f"{key} of the synthetic faces is {value!r}; give a whole number of at least 1.")
        if len(image_size) != 2 or not all(_is_whole(side) and side >= _SMALLEST_SIDE for side in image_size):
            raise ConfigError(
                f"image_size of the synthetic faces is {image_size!r}; "
                f"give height and width, whole numbers of at least {_SMALLEST_SIDE}."
            )
        if not _is_whole(seed) or not 0 <= seed <= _MAX_SEED:
            raise ConfigError(f"seed of the synthetic faces is {seed!r}; give a whole number of 0 to {_MAX_SEED}.")
        self.num_identities = num_identities
        self.images_per_identity = images_per_identity
        self.image_size = (image_size[0], image_size[1])
        self.seed = seed
        self._kept = KeptPictures(len(self), self.image_size)
        self.labels = np.repeat(np.arange(num_identities, dtype=np.int64), images_per_identity)

    def __len__(self) -> int:
        return self.num_identities * self.images_per_identity

    def image(self, index: int) -> np.ndarray:
        """Image `index` as uint8 (H, W, 3) RGB."""
        person, number = self._place(index)
        if (kept := self._kept.get(index)) is not None:
            return kept
        rng = np.random.default_rng((self.seed, person, 1 + number))
        identity = _identity(self.seed, person)
        image = draw_face(identity, sample_shot(rng, identity.glasses.usual), self.image_size, rng)
        self._kept.put(index, image)
        return image

    def describe(self, index: int) -> str:
        """Names image `index` in a message."""
        person, number = self._place(index)
        return f"synthetic identity {person} image {number}"

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"image {index} of a set of {len(self)} synthetic faces")
        return divmod(int(index), self.images_per_identity)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@lru_cache(maxsize=1024)
def _identity(seed: int, person: int) -> Identity:
    # Word 0 is left to the identity: to numpy (seed, person) and (seed, person, 0) are the same entropy.
    return sample_identity(np.random.default_rng((seed, person, 0)))
