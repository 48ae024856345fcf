"""From a source of faces to the loaders that training and judging use."""

import dataclasses
from typing import Any, Literal

import numpy as np
from lightning import LightningDataModule

from mfn.benchmarks.chosen import only_pairs
from mfn.benchmarks.held_out import FOLDS
from mfn.benchmarks.verification import VerificationSet
from mfn.data.augment import Augmentation
from mfn.data.device_decode import EncodedFaceImages, check_mirrors_alone
from mfn.data.evaluation_loader import evaluation_loader
from mfn.data.fingerprint import fingerprint, refuse_other_data
from mfn.data.images import FaceImages
from mfn.data.loader import FaceLoader
from mfn.data.mixture import Mixture
from mfn.data.part_order import PartOrder, order_mark
from mfn.data.parted import held_out_pairs, mixture_of, rows_of_parts, split_source
from mfn.data.sampler import FaceBatchSampler, ProcessShare
from mfn.data.splits import SplitRules, Splits, check_enough
from mfn.data.summary import rows_of_training, rows_of_validation
from mfn.errors import ConfigError
from mfn.sources.fit import Fit, Fitted
from mfn.sources.known_people import KnownImages, known_images
from mfn.sources.sizes import RESIZE, check_sizes
from mfn.sources.source import FaceSource, ImageSource, stream_of
from mfn.sources.subset import Subset

SMALLEST_BATCH = 2
"""Batch normalisation cannot learn from one image."""
_MISFITS = 0.01
"""Share of the training images that may be of a size that does not fit; more would end the run as broken images do."""
_REMEDY = f"align photos with mfn prepare, give aligned crops of another size as image_size=[HEIGHT,WIDTH], or {RESIZE}"


class FaceDataModule(LightningDataModule):
    """A source of faces with its identity rules, splits and loaders.

    Args:
        source: The faces.
        image_size: (height, width) of the batches in pixels.
        fit: How images of another size come to it: exact | resize, see `Fit`.
        batch_size: Training images per batch and device.
        eval_batch_size: Images per batch when judging.
        num_workers: Processes that decode, for training and for each judging loader.
        multiprocessing_context: fork | spawn | forkserver; None takes the platform's own.
        seed: Of shuffling, splits, picks, pairs and augmentation.
        shuffle: A new permutation of all training images in each epoch; "once" the same in all.
        drop_last: Leave out an epoch's last batch where it is not full.
        per_identity: Images of an identity that come together in a batch.
        min_images: Identities with fewer images are dropped.
        max_images: Identities with more keep a seeded pick of this many; None keeps all.
        val_fraction: Share of each training identity's images kept for validation.
        val_identities: Share of the identities held out, to judge on people never seen; None takes one that fits
            the data, see `held_out_share`.
        val_pairs: Verification pairs drawn from the held-out identities, at most: fewer where their images
            do not make as many.
        weights: Of each of several sources in the samples of an epoch, see `mfn.data.mixture.shares_of`.
        validation: Further images of the people that train, in place of a share of the source's own; others in it are
            passed over.
        augment: Of training images; None leaves them as they are.
        decode: Where training images are decoded: in a worker, or on the device, see `mfn.data.device_decode`.
        verification: Further verification sets by name.

    Attributes:
        source: As given. `FaceBatch.indices` are positions in it.
        num_classes: Identities that train, known after `setup`.
        fingerprint: What the training data is, see `mfn.data.fingerprint`.
        num_images: Images that train.
        train_positions: Of these in the source, int64 (N,); `train_classes` are their classes.
        label_map: int64 (C,), raw label of each class.
        verification_sets: "held_out" first where identities are held out, then those given; their images have
            `image_size`.
        mixture: The shares of several sources in an epoch; None where their numbers of images decide.
        pictures: The training images and those of each given verification set, at `image_size`.

    Raises:
        ConfigError: A value out of range, or something to verify on that is no set of pairs.
    """

    num_classes: int
    num_images: int
    train_positions: np.ndarray
    train_classes: np.ndarray
    fingerprint: dict[str, Any]
    label_map: np.ndarray
    verification_sets: dict[str, VerificationSet]
    mixture: Mixture | None
    pictures: dict[str, ImageSource]

    def __init__(
        self,
        source: FaceSource,
        *,
        image_size: tuple[int, int] = (112, 112),
        fit: str = "exact",
        batch_size: int = 128,
        eval_batch_size: int = 32,
        num_workers: int = 1,
        multiprocessing_context: str | None = None,
        seed: int = 0,
        shuffle: bool | Literal["once"] = True,
        drop_last: bool = True,
        per_identity: int = 1,
        min_images: int = 1,
        max_images: int | None = None,
        val_fraction: float = 0.0,
        val_identities: float | None = None,
        val_pairs: int = 6000,
        weights: dict[str, float | None] | None = None,
        validation: FaceSource | None = None,
        augment: Augmentation | None = None,
        decode: Literal["worker", "device"] = "worker",
        verification: dict[str, VerificationSet] | None = None,
    ) -> None:
        super().__init__()
        for key, value, least in (
            ("data.batch_size", batch_size, 1),
            ("data.eval_batch_size", eval_batch_size, 1),
            ("data.num_workers", num_workers, 0),
            ("data.val_pairs", val_pairs, 2 * FOLDS),
            ("seed", seed, 0),
        ):
            if value < least:
                raise ConfigError(f"{key}={value} must be at least {least}")
        if validation is not None and val_fraction > 0:
            raise ConfigError(f"data.val_root has the validation images, so data.val_fraction={val_fraction} must be 0")
        self.source = source
        self.image_size = (image_size[0], image_size[1])
        self.fit = Fit(self.image_size, fit)
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        self.multiprocessing_context = multiprocessing_context
        self.seed = seed
        self.shuffle: bool | Literal["once"] = shuffle
        self.drop_last = drop_last
        self.per_identity = per_identity
        self.rules = SplitRules(min_images, max_images, val_fraction, val_identities)
        self.val_pairs = val_pairs
        self.weights = weights or {}
        self.validation = validation
        self.augment = augment
        self.decode = decode
        if decode == "device":
            check_mirrors_alone(augment)
        self.verification = only_pairs(verification or {})
        self._stream = stream_of(source)
        self._splits: Splits | None = None
        self._validation: KnownImages
        self._train_loader: FaceLoader | None = None
        self._resume_at: dict[str, Any] = {}

    def setup(self, stage: str | None = None) -> None:
        """Splits the source; a second call does nothing.

        Raises:
            ConfigError: The rules leave too little to train or judge on.
            DataError: The source has too little of itself.
        """
        if self._splits is not None:
            return
        splits = split_source(self.source, self.rules, self.seed)
        check_enough(self.source.name, self.source.labels, splits, self.rules)
        self.num_classes = splits.label_map.size
        self.num_images = splits.train.size
        self.train_positions, self.train_classes = splits.train, splits.train_classes
        self.label_map = splits.label_map
        self.fingerprint = fingerprint(self.source, splits)
        self.mixture = mixture_of(self.source, splits.train, self.weights)
        self.verification_sets = dict(self.verification)
        if splits.held_out.size > 0 or self.rules.val_identities:
            held_out = held_out_pairs(self.source, splits.held_out, self.val_pairs, self.seed)
            self.verification_sets = {held_out.name: held_out} | self.verification_sets
        if self.validation is not None:
            self._validation = known_images(self.validation, splits.label_map, self.source.label_names)
        else:
            self._validation = KnownImages(self.source, splits.validation, splits.validation_classes, 0)
        self._fit_images(splits)
        self._splits = splits

    def images_as_they_are(self, image_size: tuple[int, int] | None = None) -> FaceLoader:
        """Every training image once, in order, not augmented, at a size of its own; each process gets its share."""
        self._ready()
        images = self._train_images(None, image_size)
        size = min(self.eval_batch_size, len(images))
        sampler = FaceBatchSampler(len(images), size, **self._process, parts=self._parts())
        return self._loader(images, sampler)

    def _train_images(
        self,
        augment: Augmentation | None,
        image_size: tuple[int, int] | None = None,
        kind: type[FaceImages] = FaceImages,
    ) -> FaceImages:
        where = (self.train_positions, self.train_classes, image_size or self.image_size)
        source = self._stream.images if self._stream else self.source
        return kind(source, *where, fit=self.fit.rule, augment=augment, seed=self.seed)

    def _parts(self) -> PartOrder | None:
        return PartOrder(self._stream, self.train_positions) if self._stream else None

    def train_dataloader(self) -> FaceLoader:
        """The training loader; in a distributed run it gives this rank's share."""
        self._ready()
        images = self._train_images(self.augment, kind=EncodedFaceImages if self.decode == "device" else FaceImages)
        sampler = FaceBatchSampler(
            len(images),
            self.batch_size,
            shuffle=self.shuffle,
            drop_last=self.drop_last,
            seed=self.seed,
            **self._process,
            least=SMALLEST_BATCH,
            per_identity=self.per_identity,
            labels=self.train_classes,
            parts=self._parts(),
            mixture=self.mixture,
        )
        if len(sampler) == 0:
            raise ConfigError(
                f"data.batch_size={self.batch_size} on {sampler.world_size} device(s) is more than the "
                f"{len(images)} training images: lower it, or set data.drop_last=false"
            )
        self._train_loader = self._loader(images, sampler, keep_workers=True)
        if self._resume_at:
            self._train_loader.load_state_dict(self._resume_at)
        return self._train_loader

    def state_dict(self) -> dict[str, Any]:
        """Where training stands and on what, for the checkpoint."""
        if self._train_loader is None:
            return {}
        return {
            **self._train_loader.state_dict(),
            "data": self.fingerprint,
            "seed": self.seed,
            "fit": self.fit.rule,
            "order": self._order,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Makes training go on where the state was taken.

        Lightning calls this before it asks for the loader. It could restore the loader by itself, but not
        where the optimiser's schedule needs the loader's length first, as ours does.

        Raises:
            CheckpointError: The state is of other data, or of another order of it.
        """
        self.setup()
        refuse_other_data(state_dict, self.fingerprint, self.seed, self.fit.rule, self._order)
        self._resume_at = {key: state_dict[key] for key in ("epoch", "samples")}

    def val_dataloader(self) -> list[FaceLoader]:
        """One loader per verification set, in their order, then one of the validation images, if any.

        In a distributed run each rank gets its share of each.
        """
        self._ready()
        loaders = [
            evaluation_loader(
                pairs.source,
                self.image_size,
                self.eval_batch_size,
                self.num_workers,
                self.multiprocessing_context,
                strict=False,  # an error in one process alone would leave the others waiting; the callback raises it
                **self._process,
            )
            for pairs in self.verification_sets.values()
        ]
        if self.has_validation_images:
            images = FaceImages(*self._validation[:3], self.image_size, fit=self.fit.rule)
            loaders.append(self._loader(images, FaceBatchSampler(len(images), self.eval_batch_size, **self._process)))
        return loaders

    def validation_classes(self, positions: np.ndarray) -> np.ndarray:
        """The class of each validation image, int64 (N,), by its position in its source."""
        known = self._validation
        return known.classes[np.searchsorted(known.positions, positions)]

    @property
    def has_validation_images(self) -> bool:
        """Whether images of the training identities are kept for validation."""
        self._ready()
        return self._validation.positions.size > 0

    def summary(self) -> dict[str, int | str]:
        """What there is to train and judge on, for a table."""
        splits = self._ready()
        return {
            **rows_of_training(self.source, splits),
            **rows_of_parts(self.source, splits, self.mixture.shares if self.mixture else None),
            **rows_of_validation(self.source, splits, self._validation),
            **{f"pairs of {name}": len(pairs.pairs) for name, pairs in self.verification_sets.items()},
            **{f"image size, {name}": told for name, told in self.sizes.items()},
        }

    def _fit_images(self, splits: Splits) -> None:
        """Finds out of what sizes the images are, and brings them to the one asked for where that is exact."""
        train = Subset(self.source.name, self.source, splits.train)
        self.sizes = {"training images": check_sizes(train, self.fit, _REMEDY, share=_MISFITS)} | {
            name: check_sizes(pairs.source, self.fit, _REMEDY, strict=pairs.strict)
            for name, pairs in self.verification_sets.items()
        }
        if self.validation is not None:
            validation = Subset(self.validation.name, self.validation, self._validation.positions)
            self.sizes["validation images"] = check_sizes(validation, self.fit, _REMEDY, share=_MISFITS)
        self.verification_sets = {
            name: dataclasses.replace(pairs, source=Fitted(pairs.source, self.fit))
            for name, pairs in self.verification_sets.items()
        }
        self.pictures = {"training images": Fitted(train, self.fit)} | {
            name: self.verification_sets[name].source for name in self.verification
        }

    @property
    def _process(self) -> ProcessShare:
        """Which process this is, among how many, as loaders take it."""
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return {"rank": rank, "world_size": world_size}

    def _loader(self, images: FaceImages, sampler: FaceBatchSampler, keep_workers: bool = False) -> FaceLoader:
        return FaceLoader(
            images,
            sampler,
            num_workers=self.num_workers,
            multiprocessing_context=self.multiprocessing_context,
            keep_workers=keep_workers,
        )

    @property
    def _order(self) -> str:
        """What the order of images depends on beside the seed."""
        return self.mixture.mark if self.mixture else order_mark(self._stream)

    def _ready(self) -> Splits:
        self.setup()
        assert self._splits is not None
        return self._splits
