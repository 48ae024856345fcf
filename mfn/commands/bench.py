"""``mfn bench``: how fast the parts are, beside a peer or the limit."""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mfn.bench.beside import bench_beside
from mfn.bench.data import bench_data
from mfn.bench.file import as_json, bench_file
from mfn.bench.gpu.parts import PARTS, bench_gpu
from mfn.bench.head import bench_head, growth
from mfn.bench.metrics import bench_metrics
from mfn.bench.phone import bench_phone
from mfn.bench.search import bench_search
from mfn.bench.serve import bench_killed, bench_serve
from mfn.bench.train import bench_train
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError
from mfn.files.ownership import is_json, is_png_of_ours, refuse_to_replace, write_json
from mfn.images.passed_over import PassedOver
from mfn.inference.machine import processor
from mfn.recognition.picture import picture_files
from mfn.report.figures import save_png
from mfn.report.tables import table

log = logging.getLogger(__name__)


def main(arguments: Sequence[str], verb: str = "bench") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        options.run(options)


def parser(verb: str = "bench") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    subjects = words.add_subparsers(required=True)
    data = subjects.add_parser("data", help="reading, decoding and loading")
    data.add_argument("--root", type=Path, help="InsightFace pack; without it a synthetic one is written")
    data.add_argument("--beside", type=Path, nargs="+", metavar="DIR", help="shards or another form of the same images")
    data.add_argument("--workers", type=int, default=1)
    data.set_defaults(run=_data)
    train = subjects.add_parser("train", help="whole training steps in every setting, beside a plain loop")
    train.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"))
    train.add_argument("--model", default="mobilefacenet", help="a choice of model=")
    train.add_argument("--batch", type=_count, default=32)
    train.add_argument("--size", type=_count, default=112, help="of the images")
    train.add_argument("--classes", type=_count, default=1458)
    train.add_argument("--rounds", type=_count, default=5, help="turns of each, after one that is not timed")
    train.add_argument("--steps", type=_count, default=3, help="of a turn")
    train.add_argument("--threads", type=_count, help="for PyTorch; its own number without it")
    train.add_argument("--no-compile", action="store_true", help="leave torch.compile out, which takes minutes")
    train.set_defaults(run=_train)
    file = subjects.add_parser("file", help="a network file behind its own runtime on this machine")
    file.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="exported by mfn or by others; several in turns"
    )
    file.add_argument("--threads", type=_numbers, default=[1], help="as 1,2")
    file.add_argument("--batch", type=_numbers, default=[1], help="images at a time, as 1,8")
    file.add_argument("--rounds", type=_count, default=50)
    file.add_argument("--size", type=_side, metavar="HxW", help="of the images, for files that do not say it")
    file.add_argument("--trust-torchscript", action="store_true", help="run .pt files, which are programs")
    file.add_argument(
        "--phone", type=Path, metavar="PROGRAM", help="on the phone that adb knows, by LiteRT's benchmark_model for it"
    )
    file.set_defaults(run=_file)
    metrics = subjects.add_parser("metrics", help="a verification set's metrics")
    metrics.set_defaults(run=_metrics)
    head = subjects.add_parser("head", help="time and memory of a margin head's step")
    head.add_argument("--classes", type=_sizes, default=[85_742, 1_000_000], help="identities, as 85742,1e6")
    head.add_argument("--rates", type=_rates, default=[1.0, 0.1, 0.02], help="head.sample_rate, as 1,0.1")
    head.add_argument("--picture", type=Path, help="also draw time and memory over the classes in a step here (PNG)")
    head.add_argument("--batch", type=int, default=128)
    head.add_argument("--dim", type=int, default=128)
    head.add_argument("--rounds", type=int, default=5)
    head.add_argument("--threads", type=int, default=2)
    head.add_argument("--heads", type=lambda names: names.split(","), default=[], help="time these too, as a,b")
    head.set_defaults(run=_head)
    search = subjects.add_parser("search", help="finding people among many, beside faiss")
    search.add_argument("--sizes", type=_sizes, default=[10_000, 100_000, 1_000_000], help="vectors, as 10000,1e6")
    search.add_argument("--dim", type=int, default=128)
    search.add_argument("--threads", type=int, default=2)
    search.add_argument("--exact-only", action="store_true", help="no approximate search: its graph takes minutes")
    search.set_defaults(run=_search)
    served = subjects.add_parser("serve", help="requests a second of mfn serve, with more and more clients")
    served.add_argument("photos", nargs="+", type=Path, metavar="PHOTO|DIR", help="each with a face")
    served.add_argument("--model", required=True, metavar="FILE", help="of mfn, or a name of mfn fetch")
    served.add_argument("--detector", default="mtcnn", metavar="NAME|FILE", help="mtcnn, yunet, or YuNet's ONNX file")
    served.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    served.add_argument("--clients", type=_numbers, default=[1, 2, 4, 8, 16, 32], help="as 1,4,16")
    served.add_argument("--kills", type=int, help="instead: kill it so often while it enrols, and count what is lost")
    served.set_defaults(run=_serve)
    gpu = subjects.add_parser("gpu", help="all that is to be measured and checked of a GPU, in 8 minutes")
    gpu.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to see that it runs, with --quick")
    gpu.add_argument("--quick", action="store_true", help="every part as small as it can be")
    gpu.add_argument("--root", type=Path, help="InsightFace pack to load from; without it a synthetic one is written")
    gpu.add_argument("--parts", type=_parts, help=f"these alone, as 'waits,step': {', '.join(PARTS)}")
    gpu.add_argument("--json", type=Path, help="also write the machine and the rows here")
    gpu.set_defaults(run=_gpu)
    for subject in (served, data, file, train, metrics, head, search):
        subject.add_argument("--json", type=Path, help="also write the rows here")
    return words


def _data(options: argparse.Namespace) -> None:
    if options.beside:
        if options.root is None:
            raise ConfigError("--beside needs --root PACK, the pack that has the same images")
        title = "The same images in other forms, one thread; the loader with its workers"
        _show(title, lambda: bench_beside(options.root, options.beside, options.workers), options.json)
        return
    _show("Data, one process unless said otherwise", lambda: bench_data(options.root, options.workers), options.json)


def _train(options: argparse.Namespace) -> None:
    title = f"Training steps: {options.model}, batch {options.batch}, {options.size}x{options.size}, {options.device}"
    what = (options.device, options.model, options.batch, options.size, options.classes)
    how = (options.rounds, options.steps, options.threads, not options.no_compile)
    _show(title, lambda: bench_train(*what, *how), options.json)


def _file(options: argparse.Namespace) -> None:
    if options.phone is not None:
        if options.batch != [1] or options.size or options.trust_torchscript:
            raise ConfigError("--phone does without --batch, --size and --trust-torchscript: leave them out")
        what = (options.files, options.phone, options.threads, options.rounds)
        _show("Files on a phone, one after the other", lambda: bench_phone(*what), options.json)
        return
    if options.json is not None:
        refuse_to_replace(options.json, is_json)
    how = (options.threads, options.batch, options.rounds, options.size, options.trust_torchscript)
    found = bench_file(options.files, *how)
    log.info(table(f"Files in turns on {processor()}", [each.row() for each in found]))
    if options.json is not None:
        write_json(options.json, as_json(found))


def _side(text: str) -> tuple[int, int]:
    """Height and width, as 112x112."""
    height, width = (_count(side) for side in text.lower().split("x"))
    return height, width


def _metrics(options: argparse.Namespace) -> None:
    _show("Metrics", bench_metrics, options.json)


def _head(options: argparse.Namespace) -> None:
    if options.picture is not None:
        refuse_to_replace(options.picture, is_png_of_ours)
    title = f"A training step of a head: batch {options.batch}, {options.dim}-d, threads: {options.threads}"
    how = (options.batch, options.dim, options.rounds, options.threads, options.heads)
    rows = _show(title, lambda: bench_head(options.classes, options.rates, *how), options.json)
    if options.picture is not None:
        save_png(growth(rows), options.picture)


def _search(options: argparse.Namespace) -> None:
    title = f"The ten best people, {options.dim}-d, threads: {options.threads}"
    _show(
        title,
        lambda: bench_search(options.sizes, options.dim, options.threads, approximate=not options.exact_only),
        options.json,
    )


def _gpu(options: argparse.Namespace) -> None:
    if options.json is not None:
        refuse_to_replace(options.json, is_json)
    found = bench_gpu(options.device, options.root, options.quick, options.parts)
    device = found["machine"].get("gpu", options.device)
    rows = [{key: "" if value is None else value for key, value in row.items()} for row in found["rows"]]
    log.info(table(f"{device}, PyTorch {found['machine']['torch']}", rows))
    if options.json is not None:
        write_json(options.json, found)


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= PARTS.keys():
        raise ValueError(text)
    return names


def _sizes(text: str) -> list[int]:
    """Numbers of vectors, 1 or more each."""
    sizes = [float(word) for word in text.split(",")]
    if not all(1 <= size <= 1e12 for size in sizes):
        raise ValueError(text)
    return [int(size) for size in sizes]


def _rates(text: str) -> list[float]:
    """Shares of the classes, 1 for all of them."""
    rates = [float(word) for word in text.split(",")]
    if not all(0 < rate <= 1 for rate in rates):
        raise ValueError(text)
    return rates


def _count(text: str) -> int:
    """A whole number of at least 1."""
    if (count := int(text)) < 1:
        raise ValueError(text)
    return count


def _serve(options: argparse.Namespace) -> None:
    photos = picture_files(options.photos, PassedOver())
    words = ["--model", options.model, "--detector", options.detector]
    if options.kills is None:
        _show("mfn serve", lambda: bench_serve(photos, words, options.seconds, options.clients), options.json)
    else:
        _show("Killed while enrolling", lambda: bench_killed(photos, words, options.kills), options.json)


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",")]
    if min(numbers) < 1:
        raise ValueError(text)
    return numbers


def _show(
    title: str, measure: Callable[[], Sequence[Mapping[str, object]]], file: Path | None
) -> Sequence[Mapping[str, object]]:
    if file is not None:
        refuse_to_replace(file, is_json)
    log.info(table(title, rows := measure()))
    if file is not None:
        write_json(file, rows)
    return rows
