"""What the commands that use a network have in common: which network, which detector, and what is typed for them."""

import argparse
import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mfn.align.detector import Detector
from mfn.config.build import build
from mfn.config.compose import composed
from mfn.contract import InputContract
from mfn.errors import CheckpointError, ConfigError, DataError
from mfn.files.lines import divider_of, fields, numbered_lines
from mfn.files.ownership import is_json, is_png_of_ours, refuse_to_replace, writing
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.onnx_network import PROVIDERS
from mfn.inspection.networks import stated_contract
from mfn.published.cache import place_of
from mfn.recognition.gallery import WAYS, Gallery
from mfn.recognition.pipeline import FacePipeline
from mfn.recognition.thresholds import Threshold, scores_for, threshold_of_gallery, threshold_of_pair

DEFAULT_MODEL = "sface"
"""The network of a command that names none: small enough, and free to use."""
DEFAULT_FPIR = 0.01
_SCREEN = Path("/dev/stdout")
_FEW = 1000
"""Comparisons of a gallery's own people with one another that tell nothing of a threshold."""

log = logging.getLogger(__name__)


def add_model(words: argparse.ArgumentParser) -> None:
    """The words that choose a network."""
    group = words.add_argument_group("network")
    group.add_argument(
        "--model", default=None, metavar="FILE", help=f"of mfn, or a name of mfn fetch; {DEFAULT_MODEL} without"
    )
    group.add_argument(
        "--contract",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="what the network expects, for a file that does not say it: color=RGB mean=[127.5,127.5,127.5] ...",
    )
    group.add_argument("--flip", choices=("none", "sum", "concat"), help="the mirrored face; as measured without")
    group.add_argument("--device", default="cpu", help="of a checkpoint: cpu | cuda | mps")
    group.add_argument("--provider", choices=tuple(PROVIDERS), help="of an ONNX file")
    group.add_argument("--threads", type=int, help="of an ONNX file")


def add_detector(words: argparse.ArgumentParser) -> None:
    """The words that choose a detector."""
    group = words.add_argument_group("faces")
    group.add_argument("--detector", default="mtcnn", metavar="NAME|FILE", help="mtcnn, yunet, or YuNet's ONNX file")
    group.add_argument(
        "--detector-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of conf/detector, as max_side=2048",
    )
    group.add_argument("--aligned", action="store_true", help="pictures are aligned crops: no face is looked for")


def add_json(words: argparse.ArgumentParser) -> None:
    """Where the answer goes as JSON."""
    words.add_argument("--json", type=Path, nargs="?", const=_SCREEN, help="write JSON to a file, or in place of words")


@contextmanager
def in_words(options: argparse.Namespace) -> Iterator[None]:
    """Says nothing in words, neither results nor progress, where JSON goes to the screen; warnings are still told.

    Raises:
        DataError: The JSON would replace a file that is none.
    """
    if options.json is not None:
        refuse_to_replace(options.json, is_json)
    everything = logging.getLogger("mfn")
    before = everything.level
    if options.json == _SCREEN:
        everything.setLevel(logging.WARNING)
    try:
        yield
    finally:
        everything.setLevel(before)


def check_picture(path: Path) -> None:
    """Makes sure, before the work, that a picture may be written there.

    Raises:
        ConfigError: It is called something else.
        DataError: There is a file that mfn did not make.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(f"{path}: the picture is a PNG, and its name must end in .png")
    refuse_to_replace(path, is_png_of_ours)


def two_columns(path: Path, wanted: str) -> list[tuple[str, str]]:
    """Lines of two columns, divided as the first one is by a comma, a semicolon or a tab.

    Raises:
        DataError: The file cannot be read, or a line has fewer or more.
    """
    lines = numbered_lines(path)
    divider = divider_of(line for _, line in lines[:1])
    rows = [(number, fields(line, divider)) for number, line in lines]
    if bad := next((number for number, columns in rows if len(columns) != 2), None):
        raise DataError(f"{path}, line {bad}: {wanted} are wanted, divided by a comma")
    return [(columns[0], columns[1]) for _, columns in rows]


def write_csv(path: Path, rows: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> None:
    """Writes rows with a header: of `columns`, or of the first row.

    Raises:
        DataError: There is a file with other columns, or it cannot be written.
    """
    text = io.StringIO()
    names = list(columns) or list(rows[0])
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    header = text.getvalue().partition("\n")[0]

    def is_ours(there: Path) -> bool:
        try:
            with there.open(encoding="utf-8", errors="replace") as file:
                return bool(header) and file.readline().rstrip("\n") == header
        except OSError:
            return False

    with writing(path, is_ours) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", errors="backslashreplace")


def add_threshold(words: argparse.ArgumentParser, *, of_gallery: bool) -> None:
    """The words that choose a threshold."""
    group = words.add_argument_group("threshold")
    group.add_argument("--threshold", type=float, help="cosine from which two faces are one person's")
    group.add_argument("--fmr", type=float, help="or the false match rate of one comparison, as 1e-4")
    if of_gallery:
        group.add_argument(
            "--by", choices=WAYS, default=WAYS[0], help="compare with a person's mean or with each image"
        )
        group.add_argument("--fpir", type=float, help="or the share of strangers that may get a name; 0.01 without")
    group.add_argument("--band", type=float, default=0.0, help="cosines this near to the threshold are not sure")


def pair_threshold(options: argparse.Namespace, contract: InputContract, flip: str) -> Threshold:
    """The threshold for two faces, and a warning where there is something to know of it.

    Raises:
        ConfigError: See `threshold_of_pair`; or the band makes no sense.
    """
    _check_band(options.band)
    found = threshold_of_pair(contract, flip=flip, threshold=options.threshold, fmr=options.fmr)
    return _warned(found)


def gallery_threshold(
    options: argparse.Namespace, contract: InputContract, gallery: Gallery, by: str = "centroid"
) -> Threshold:
    """The threshold for a face among all people of a gallery.

    Raises:
        ConfigError: Nothing to take it from, or two ways to choose it at once.
    """
    _check_band(options.band)
    if options.threshold is not None or options.fmr is not None:
        if options.fpir is not None:
            raise ConfigError("give --fpir, --fmr or --threshold, not two of them")
        return pair_threshold(options, contract, gallery.flip)
    comparisons = gallery.comparisons(by)
    was_measured = scores_for(contract, gallery.flip) is not None
    own = None if was_measured else gallery.scores()
    if options.fpir is None and not was_measured and (own is None or own.impostors < _FEW):
        found = pair_threshold(options, contract, gallery.flip)
        doubt = f"this threshold is for two photos; among {comparisons} a stranger gets a name more often"
        return _warned(replace(found, warning=doubt))
    fpir = DEFAULT_FPIR if options.fpir is None else options.fpir
    return _warned(threshold_of_gallery(contract, comparisons, flip=gallery.flip, fpir=fpir, own=own))


def _warned(found: Threshold) -> Threshold:
    if found.warning:
        log.warning("%s", found.warning)
    return found


def _check_band(band: float) -> None:
    if not 0 <= band < 1:
        raise ConfigError(f"--band is a difference of cosines from 0 to below 1, got {band:g}")


def embedder_of(options: argparse.Namespace) -> FaceEmbedder:
    """The network that was chosen.

    Raises:
        CheckpointError: There is none, or it is damaged.
        ConfigError: An option makes no sense.
    """
    if options.threads is not None and options.threads < 1:
        raise ConfigError(f"--threads must be at least 1, got {options.threads}")
    name = options.model
    if name is None:
        if not place_of(DEFAULT_MODEL).is_file():
            raise CheckpointError(
                f"no network is chosen: give --model FILE, or `mfn fetch {DEFAULT_MODEL}` brings one that is taken then"
            )
        name = DEFAULT_MODEL
    stated = stated_contract([f"contract.{word.removeprefix('contract.')}" for word in options.contract])
    embedder = FaceEmbedder.load(name, stated, threads=options.threads, provider=options.provider)
    return embedder.to(options.device)


def detector_of(options: argparse.Namespace) -> Detector | None:
    """The detector that was chosen; None where pictures are aligned.

    Raises:
        ConfigError: There is none of that name, or an option makes no sense.
    """
    if options.aligned:
        return None
    name, own = options.detector, [f"detector.{option}" for option in options.detector_option]
    if Path(name).suffix == ".onnx":
        name, own = "yunet", [f"detector.model_path={Path(name).absolute()}", *own]
    config = composed("prepare", [f"detector={name}", *own, "source.root=.", "output=."])
    return build(config.detector)


def pipeline_of(options: argparse.Namespace, embedder: FaceEmbedder, flip: str | None = None) -> FacePipeline:
    """Detector and network; `flip` is a gallery's."""
    return FacePipeline(detector_of(options), embedder, flip=options.flip or flip)
