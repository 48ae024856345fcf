"""What mfn reads from strangers: for each kind a right file, and how mfn reads it."""

import pickle
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from mfn.benchmarks.chosen import chosen_benchmarks, read_file
from mfn.benchmarks.ijb_tables import read_faces
from mfn.checkpoint.folder import write_folder
from mfn.checkpoint.format import build_backbone, read_checkpoint
from mfn.config.command_line import CommandLine
from mfn.config.compose import composed
from mfn.errors import MfnError
from mfn.export.targets.litert import LiteRTTarget
from mfn.export.targets.ncnn import NcnnTarget
from mfn.export.targets.onnx import OnnxTarget
from mfn.export.targets.openvino import OpenvinoTarget
from mfn.images.decode import decode_rgb
from mfn.importing.importer import import_file
from mfn.importing.mxnet_file import read_params
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.ncnn_file import read_ncnn
from mfn.recognition.gallery import Gallery
from mfn.sources.lmdb_dataset import LmdbDataset
from mfn.sources.parquet_dataset import ParquetDataset
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.shard_dataset import ShardDataset
from mfn.sources.tfrecord_dataset import TFRecordDataset
from tests.benchmarks.benchmark_files import write_images
from tests.benchmarks.ijb_files import write_ijb
from tests.export.networks import small_deployable
from tests.fuzz import lists
from tests.fuzz.networks import embedded, network_of
from tests.importing.test_foreign_files import params_file
from tests.packs.lmdb.databases import write_faces
from tests.packs.parquet.tables import write_table
from tests.packs.tfrecords.tfrecords import write_examples
from tests.recognition.made_people import crop_of, network_file, photo_of, pipeline, squares
from tests.small_run import save_small_checkpoint
from tests.sources.sharded import shards_of, small_pack

NAMES = [f"{person}/{person}_{number:04d}.jpg" for person in ("Ada", "Bob") for number in (1, 2)]
A, B, C, D = NAMES


class Kind(NamedTuple):
    """Something read from strangers.

    Attributes:
        make: Writes what is needed into an empty folder and returns the file to damage.
        read: Reads that file as a command does; an `MfnError` is a proper answer.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]


def jpeg(seed: int, suffix: str = ".jpg", size: int = 16) -> bytes:
    """A small picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    return cv2.imencode(suffix, cv2.blur(pixels, (5, 5)))[1].tobytes()


def _pack(folder: Path, file: str) -> Path:
    small_pack(folder)
    (folder / "property").write_text("12,8,8\n")
    return folder / file


def _every_image(source: Any) -> None:
    for index in range(min(len(source), 64)):
        try:
            source.image(index)
        except MfnError:  # one broken image is skipped; it must say so, and not more
            continue


def _listed(folder: Path, name: str, content: bytes) -> Path:
    write_images(folder, NAMES)
    (folder / name).write_bytes(content)
    return folder / name


def _pairs(path: Path) -> None:
    chosen_benchmarks(file=read_file(str(path), allow_missing=True))


def _list(name: str, content: bytes) -> Kind:
    return Kind(lambda folder: _listed(folder, name, content), _pairs)


def _tfrecord(folder: Path) -> Path:
    examples = [{"image_raw": [jpeg(seed)], "label": [seed % 3]} for seed in range(6)]
    return write_examples(folder / "faces.tfrecord", examples)


def _lmdb(folder: Path) -> Path:
    return write_faces(folder / "faces.lmdb", [(jpeg(seed), seed % 3) for seed in range(6)])


def _parquet(folder: Path) -> Path:
    return write_table(folder / "train.parquet", [jpeg(seed) for seed in range(6)], [0, 0, 1, 1, 2, 2])


def _tar(folder: Path) -> Path:
    shards = shards_of(small_pack(folder / "pack"), folder / "shards", samples=48)
    return next(iter(sorted(shards.glob("*.tar"))))


def _shard_index(folder: Path) -> Path:
    return next(iter(sorted(_tar(folder).parent.glob("*.json"))))


def _folder_file(folder: Path, name: str) -> Path:
    path = save_small_checkpoint(folder)
    checkpoint = read_checkpoint(path)
    backbone, contract = build_backbone(checkpoint, path)
    write_folder(folder / "network", backbone.state_dict(), checkpoint["mfn"]["model"], contract, {})
    return folder / "network" / name


def _checkpoint(path: Path) -> None:
    build_backbone(read_checkpoint(path), path)


def _onnx(folder: Path) -> Path:
    return network_file(folder)


def _exported(folder: Path) -> Path:
    OnnxTarget().export(small_deployable(), folder / "small.onnx", None)
    return folder / "small.onnx"


def _tflite(folder: Path) -> Path:
    LiteRTTarget().export(small_deployable(), folder / "small.tflite", None)
    return folder / "small.tflite"


def _run_by_ncnn(folder: Path) -> Path:
    return network_of(NcnnTarget(), folder / "net.param")


def _run_by_openvino(folder: Path) -> Path:
    return network_of(OpenvinoTarget(), folder / "net.xml")


def _params(folder: Path) -> Path:
    params_file(folder / "net-0000.params", {"arg:w": np.ones((2, 3, 1, 1), np.float32)}, "v2")
    return folder / "net-0000.params"


def _param(folder: Path) -> Path:
    lines = ["7767517", "3 3", "Input in0 0 1 in0", "Convolution conv 1 1 in0 1 0=4 1=3 4=1 5=1 6=108"]
    (folder / "net.param").write_text("\n".join([*lines, "ReLU relu 1 1 1 out0"]) + "\n")
    (folder / "net.bin").write_bytes(bytes(4) + np.ones(112, np.float32).tobytes())
    return folder / "net.param"


def _ncnn(path: Path) -> None:
    read_ncnn(path.with_suffix(".param"), path.with_suffix(".bin"))


def _gallery(folder: Path) -> Path:
    look = pipeline(folder)
    with Gallery.open(folder / "people.mfng", squares(folder)) as gallery:
        for person in range(3):
            gallery.enroll(f"person {person}", look(photo_of(crop_of(person))))
    return folder / "people.mfng"


def _read_gallery(path: Path) -> None:
    with Gallery.open(path) as gallery:
        gallery.people()
        gallery.faces()


def _ijb(folder: Path) -> Path:
    write_ijb(folder)
    return next(iter(sorted((folder / "meta").glob("*name_5pts_score*"))))


def _read_ijb(path: Path) -> None:
    media = next(iter(sorted(path.parent.glob("*face_tid_mid*"))))
    read_faces(str(path), str(media))


def _overrides(folder: Path) -> Path:
    words = ["head=arcface", "optimizer.lr=0.1", "data=folder", "data.root=x", "model.width=0.5", "image_size=[64,64]"]
    (folder / "words.txt").write_text("\n".join([*words, "callbacks=[default,ema]", "paths.output=unused"]))
    return folder / "words.txt"


def _compose(path: Path) -> None:
    words = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    line = CommandLine.parse([word for word in words if not word.startswith("-")]).understandable()
    composed("train", line.overrides)


def _picture(suffix: str) -> Kind:
    def make(folder: Path) -> Path:
        (folder / f"face{suffix}").write_bytes(jpeg(0, suffix))
        return folder / f"face{suffix}"

    return Kind(make, lambda path: decode_rgb(path.read_bytes()))


def _in_network(file: str) -> Kind:
    return Kind(lambda folder: _folder_file(folder, file), lambda path: FaceEmbedder.load(path.parent))


def _in_pack(file: str) -> Kind:
    return Kind(lambda folder: _pack(folder, file), lambda path: _every_image(RecordDataset(path.parent)))


SHARDS: dict[str, Kind] = {
    "tar": Kind(_tar, lambda path: _every_image(ShardDataset(path.parent))),
    "shard_index": Kind(_shard_index, lambda path: _every_image(ShardDataset(path.parent))),
}
if find_spec("webdataset") is None:
    SHARDS = {}  # nothing here writes them
RUNTIMES: dict[str, Kind] = {}
if find_spec("litert_torch") is not None:
    RUNTIMES["tflite_import"] = Kind(_tflite, import_file)
    RUNTIMES["litert"] = Kind(lambda folder: network_of(LiteRTTarget(), folder / "net.tflite"), embedded)
if find_spec("pnnx") is not None and find_spec("ncnn") is not None:
    RUNTIMES["ncnn_run_param"] = Kind(_run_by_ncnn, embedded)
    RUNTIMES["ncnn_run_bin"] = Kind(
        lambda folder: _run_by_ncnn(folder).with_suffix(".bin"), lambda path: embedded(path.with_suffix(".param"))
    )
if find_spec("openvino") is not None:
    RUNTIMES["openvino_xml"] = Kind(_run_by_openvino, embedded)
    RUNTIMES["openvino_bin"] = Kind(
        lambda folder: _run_by_openvino(folder).with_suffix(".bin"), lambda path: embedded(path.with_suffix(".xml"))
    )
_BIN = pickle.dumps(([jpeg(seed) for seed in range(8)], [True, False, True, False]), 2)
KINDS: dict[str, Kind] = {
    "records": _in_pack("train.rec"),
    "idx": _in_pack("train.idx"),
    "property": _in_pack("property"),
    "tfrecord": Kind(_tfrecord, lambda path: _every_image(TFRecordDataset(path))),
    "lmdb": Kind(_lmdb, lambda path: _every_image(LmdbDataset(path))),
    "parquet": Kind(_parquet, lambda path: _every_image(ParquetDataset(path))),
    **SHARDS,
    **RUNTIMES,
    "checkpoint": Kind(save_small_checkpoint, _checkpoint),
    "safetensors": Kind(
        lambda folder: _folder_file(folder, "model.safetensors"), lambda p: FaceEmbedder.load(p.parent)
    ),
    "config_json": Kind(
        lambda folder: _folder_file(folder, "config.json"), lambda path: FaceEmbedder.load(path.parent)
    ),
    "onnx": Kind(_onnx, FaceEmbedder.load),
    "onnx_import": Kind(_exported, import_file),
    "params": Kind(_params, read_params),
    "ncnn_param": Kind(_param, _ncnn),
    "ncnn_bin": Kind(lambda folder: _param(folder).with_suffix(".bin"), _ncnn),
    "bin": _list("list.bin", _BIN),
    "lfw_pairs": _list("lfw.txt", b"2\t1\nAda\t1\t2\nAda\t1\tBob\t1\nBob\t1\t2\nAda\t2\tBob\t2\n"),
    "pair_list": _list("list.txt", f"{A} {B} 1\n{C} {D} 1\n{A} {C} 0\n{B} {D} -1\n".encode()),
    "pair_csv": _list("named.csv", f'a,b,label,fold\n"{A}",{B},1,x\n{C},{D},1,y\n{A},{C},0,x\n{B},{D},0,y\n'.encode()),
    "xz": Kind(lambda folder: lists.xz(folder, _BIN), _pairs),
    "npy": Kind(lambda folder: lists.array_pack(folder, "twins.npy"), lists.read_pack),
    "issame": Kind(lambda folder: lists.array_pack(folder, lists.FLAGS), lists.read_pack),
    "sllfw": _list("sllfw.txt", "\n".join([*NAMES, A, C, B, D]).encode()),
    "mat": Kind(lambda folder: lists.mat_list(folder, compressed=False), lists.read_mat),
    "mat_packed": Kind(lambda folder: lists.mat_list(folder, compressed=True), lists.read_mat),
    "face_json": Kind(lambda folder: lists.face_list(folder, lists.FACES), lists.read_faces),
    "face_lines": Kind(lambda folder: lists.face_list(folder, lists.LINES), lists.read_noise),
    "ijb": Kind(_ijb, _read_ijb),
    "gallery": Kind(_gallery, _read_gallery),
    "overrides": Kind(_overrides, _compose),
    "jpeg": _picture(".jpg"),
    "png": _picture(".png"),
    "webp": _picture(".webp"),
    "tiff": _picture(".tiff"),
    "bmp": _picture(".bmp"),
}
"""By name."""
