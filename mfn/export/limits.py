"""What a file must keep to."""

from collections.abc import Iterable
from dataclasses import dataclass

from mfn.export.validation import FileValidation, Reference

_COSINE = {"fp32": 0.9999, "fp16": 0.999}
_BYTES = {"fp32": (4, 2_250), "fp16": (2, 2_320)}
"""Bytes of a weight, and of what else a layer takes, its place in the graph: 4.2 and 2.2 MB for the paper's network."""
_QUANTISED_COSINE, _QUANTISED_BYTES = 0.9, (1.258, 2_250)  # scales, and layers that stay float, grow with the weights


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a file; None takes the default of its precision.

    Attributes:
        min_cosine: To the checkpoint's embedding, for every face: 0.9999 fp32, 0.999 fp16, 0.9 below.
        max_accuracy_drop: Accuracy lost against the checkpoint on any benchmark, as a share; 0.002 (0.2 points) for
            files that take and give integers, 0.005 for others.
        max_tar_drop: TAR lost against the checkpoint on the faces of ``check.root`` at any false accept rate, as a
            share; None: not bounded.
        max_bytes: Of all files together: 4.2 MB fp32, 2.2 MB fp16, 1.45 MB below for the paper's network, others by
            their numbers of parameters and layers, and more where a page brings its runtime along.
    """

    min_cosine: float | None = None
    max_accuracy_drop: float | None = None
    max_tar_drop: float | None = None
    max_bytes: int | None = None

    def broken(self, file: FileValidation, reference: Reference) -> tuple[str, ...]:
        """One phrase for each bound that a file breaks."""
        return (*self._size(file, reference), *self._cosine(file), *self._accuracy(file, reference), *self._tar(file))

    def _size(self, file: FileValidation, reference: Reference) -> Iterable[str]:
        weight, layer = _BYTES.get(file.precision, _QUANTISED_BYTES)
        usual = int(weight * reference.parameters + layer * reference.layers) + file.made_of.brought
        most = self.max_bytes if self.max_bytes is not None else usual
        if file.bytes > most:
            yield f"{file.bytes:,} bytes are more than limits.max_bytes={most:,}"

    def _cosine(self, file: FileValidation) -> Iterable[str]:
        least = self.min_cosine if self.min_cosine is not None else _COSINE.get(file.precision, _QUANTISED_COSINE)
        if file.parity is not None and not file.parity.min_cosine >= least:
            yield f"a cosine of {file.parity.min_cosine:.5f} to the checkpoint is below limits.min_cosine={least:g}"

    def _accuracy(self, file: FileValidation, reference: Reference) -> Iterable[str]:
        usual = 0.002 if file.made_of.integers else 0.005
        most = self.max_accuracy_drop if self.max_accuracy_drop is not None else usual
        for name, figures in file.judged.items():
            ours, theirs = figures["accuracy"], reference.judged[name]["accuracy"]
            if not theirs - ours <= most:
                yield (
                    f"accuracy {100 * ours:.2f} % on {name} is more than limits.max_accuracy_drop={most:g} below "
                    f"the checkpoint's {100 * theirs:.2f} %"
                )

    def _tar(self, file: FileValidation) -> Iterable[str]:
        drop = None if file.checked is None else file.checked.worst_drop
        if self.max_tar_drop is not None and drop is not None and drop > self.max_tar_drop:
            yield (
                f"TAR on check.root is {100 * drop:.2f} points below the checkpoint's, more than "
                f"limits.max_tar_drop={self.max_tar_drop:g}"
            )
