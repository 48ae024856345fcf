"""Files of one checkpoint, written in a folder of their own and moved out of it once they are proven."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mfn.errors import ExportError, MfnError, first_line
from mfn.export.jobs import Job
from mfn.export.metadata import described, write_metadata
from mfn.export.network import Deployable, ExportOptions, deployable
from mfn.export.replacing import check_replaceable
from mfn.export.source import Source
from mfn.export.target import quiet
from mfn.export.validation import FileValidation, Reference, validate_file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """A written file with its proof.

    Attributes:
        deployable: What is in it.
        files: All that belong to it, the one to load first.
        validation: What is known about it.
    """

    deployable: Deployable
    files: list[Path]
    validation: FileValidation

    @property
    def name(self) -> str:
        """Of the file to load."""
        return self.files[0].name

    def keep(self, folder: Path) -> Path:
        """Moves the file, those that belong to it and its JSON, which gets the proof; returns the new path.

        Raises:
            ExportError: Something lies there that mfn did not export.
        """
        check_replaceable(folder / self.name, [file.name for file in self.files])
        beside = write_metadata(self.files[0], self.deployable, proof=self.validation.to_dict())
        for file in (beside, *self.files):
            if (there := folder / file.name).is_dir():
                there.rename(file.with_name(f"{file.name}.before"))
            file.replace(there)
        return folder / self.name


@dataclass(frozen=True)
class Exporter:
    """Writes and proves one file after the other.

    Attributes:
        source: The checkpoint.
        options: What files should be like; each job has its own precision.
        calibration: uint8 RGB (N, H, W, 3), or None.
        reference: The checkpoint, run.
        stem: Files are called ``STEM_TARGET_PRECISION``.
        folder: Where they are written.
    """

    source: Source
    options: ExportOptions
    calibration: np.ndarray | None
    reference: Reference
    stem: str
    folder: Path

    def write(self, job: Job) -> Exported:
        """Writes one file with its JSON, loads it again and proves it.

        Raises:
            ExportError: It cannot be written, or does not run.
        """
        target, options = job.target, replace(self.options, precision=job.precision)
        source = self.source
        network = described(deployable(source.backbone, source.contract, options), source.origin)
        network = replace(network, trained=(source.backbone, source.model))
        path = self.folder / job.file_name(self.stem)
        try:
            with quiet():
                files = target.export(network, path, self.calibration)
        except MfnError:
            raise
        except Exception as error:  # the toolchains' errors have no common base but Exception
            log.debug("where it came from", exc_info=True)
            said = f"{type(error).__name__}: {first_line(error)}"
            raise ExportError(f"{target.name}'s own tools failed ({said})") from error
        write_metadata(path, network)
        return Exported(network, files, validate_file(target, network, files, self.reference))
