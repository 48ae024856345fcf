"""Augmentation whose randomness is a function of (seed, epoch, index), in whatever process it runs."""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from mfn.errors import ConfigError


class Step(Protocol):
    """What can be a step of an augmentation: any transform of albumentations, or anything with these two."""

    def set_random_state(self, random_generator: np.random.Generator, py_random: random.Random, /) -> Any:
        """Takes the sources of random numbers, which are seeded for every image."""
        ...

    def __call__(self, *, image: np.ndarray) -> dict[str, Any]:
        """The changed image, uint8 (H, W, 3), under "image"."""
        ...


class Augmentation:
    """Transforms of albumentations or our own, reseeded for every image and called without `Compose`.

    Args:
        transforms: Applied in this order, each with its own probability.
        p: Probability that an image is augmented at all.
        random_order: Apply the transforms in a new random order to each image.

    Attributes:
        mirrored: Whether our own ``HorizontalFlip`` mirrored the last image.

    Raises:
        ConfigError: An argument that a transform does not know.
    """

    mirrored = False

    def __init__(self, transforms: Sequence[Step], p: float = 1.0, random_order: bool = False) -> None:
        if not 0 <= p <= 1:
            raise ConfigError(f"augment.p={p} must be a probability, 0 to 1")
        self.transforms = list(transforms)
        self.p = p
        self.random_order = random_order
        self._bits = np.random.Philox()
        self._state: Any = self._bits.state  # given back for every image, with its numbers in it
        self._numbers = self._state["state"]
        self._keyed: tuple[int, int] | None = None
        self._draws = _shared_draws(np.random.Generator(self._bits))
        for transform in self.transforms:
            transform.set_random_state(self._draws.generator, self._draws)
        _refuse_unknown_arguments(self.transforms)

    def __call__(self, image: np.ndarray, *, seed: int, epoch: int, index: int) -> np.ndarray:
        """An augmented copy or `image` itself, uint8 (H, W, 3) as given.

        Raises:
            ConfigError: A transform changed the size of the image.
        """
        self.mirrored = False
        if not self.transforms:
            return image
        self._reseed(seed, epoch, index)
        if self.p < 1 and self._draws.random() >= self.p:
            return image
        steps = self.transforms
        if self.random_order:
            steps = self._draws.sample(steps, len(steps))
        augmented = image
        for step in steps:
            augmented = step(image=augmented)["image"]
            self.mirrored ^= getattr(step, "mirrored", False)
        if augmented is not image and augmented.shape != image.shape:
            raise ConfigError(
                f"augment turned an image of {image.shape} into {augmented.shape}: its transforms must keep "
                "the size (keep_size: true, or a size equal to image_size)"
            )
        return augmented

    def _reseed(self, seed: int, epoch: int, index: int) -> None:
        """Starts the stream that belongs to these three numbers: Philox is a function of key and counter."""
        if (seed, epoch) != self._keyed:
            self._keyed = seed, epoch
            self._numbers["key"][:] = seed, epoch
        self._numbers["counter"][3] = index
        self._bits.state = self._state


class _SharedDraws(random.Random):
    """Python's random numbers drawn from a numpy generator.

    Albumentations draws from both; this way one cheap reseeding serves them, where seeding Python's own
    generator costs more than mirroring an image.
    """

    generator: np.random.Generator

    def random(self) -> float:
        return self.generator.random()

    def getrandbits(self, k: int, /) -> int:
        return int.from_bytes(self.generator.bytes(-(-k // 8)), "little") >> (-k % 8)

    def __reduce__(self) -> tuple[Any, ...]:
        return _shared_draws, (self.generator,)


def _shared_draws(generator: np.random.Generator) -> _SharedDraws:
    draws = _SharedDraws()
    draws.generator = generator
    return draws


def _refuse_unknown_arguments(transforms: Iterable[Any]) -> None:
    """Albumentations only warns of an argument it does not know, which hides a typo in a config."""
    for transform in _leaves(transforms):
        if unknown := getattr(transform, "invalid_args", ()):
            raise ConfigError(f"augment: {type(transform).__name__} does not know {', '.join(unknown)}")


def _leaves(transforms: Iterable[Any]) -> Iterator[Any]:
    for transform in transforms:
        if inner := getattr(transform, "transforms", ()):
            yield from _leaves(inner)
        else:
            yield transform
