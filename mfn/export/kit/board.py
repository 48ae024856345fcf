"""The kit of one exported file, as a folder beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mfn.export.kit.calibration_files import calibration_files, drawn_faces, npy
from mfn.export.kit.device_tests import device_tests
from mfn.export.kit.golden import Golden, as_integers, golden, golden_images
from mfn.export.kit.static_batch import for_one_image
from mfn.export.kit.texts import checks, header, readme
from mfn.export.network import INPUT, OUTPUT, Deployable
from mfn.export.target import Description
from mfn.files.owned_folder import refuse_others, replacing_folder
from mfn.inference.machine import runtime_of
from mfn.inference.network import Network
from mfn.sources.encode import png

MAKER = "mfn export"
_ROWS_LAST = (".tflite",)
_ABOUT = {
    "check.py": "the check for Python with numpy",
    "check.cpp": "the same in C++17",
    "Check.kt": "the same in Kotlin",
    "GoldenTest.swift": "an XCTest that runs the network on a phone or a Mac and checks it; its first lines say how",
    "GoldenTest.kt": "a test that runs the network on an Android phone and checks it; its first lines say how",
    "golden/images/": "the golden pictures, aligned, RGB",
    "golden/pixels.npy": "the same as one array, uint8 RGB, rows last",
    "golden/input.npy": "the same as the file takes them",
    "golden/input.bin": "the numbers of input.npy without a header",
    "golden/embedding.npy": "the right output, float32",
    "golden/embedding.bin": "its numbers without a header",
    "golden/integers.npy": "the right output in the integers that the file gives",
    "golden/integers.bin": "its numbers without a header",
    "golden/known.npy": "the right output and that of each mistake",
    "golden/known.bin": "its numbers without a header",
    "golden/names.txt": "what was done, in the order of known.npy",
    "golden/golden.h": "names, known outputs and the first picture for C and C++",
    "calibration/": "faces to calibrate on, see above",
    "dataset.txt": "the pictures among them, for RKNN",
    "raw_list.txt": "the raw numbers among them, for QNN and SNPE",
}


def kit_folder(file: Path, suffix: str) -> Path:
    """Where the kit of a file lies: ``NAME_kit`` beside ``NAME.onnx``."""
    return file.with_name(f"{file.name.removesuffix(suffix)}_kit")


def check_kit(folder: Path) -> None:
    """Makes sure that nothing is lost where a kit is to be written.

    Raises:
        DataError: Something lies there that mfn did not write.
    """
    refuse_others(folder, MAKER)


def write_kit(
    file: Path,
    suffix: str,
    made_of: Description,
    deployable: Deployable,
    network: Network | None,
    faces: np.ndarray | None,
    count: int,
) -> Path:
    """Writes the kit beside a file.

    Args:
        file: The exported file.
        suffix: Of its format.
        made_of: What it says of itself.
        deployable: What is in it.
        network: The file behind its own runtime; None where it cannot run here.
        faces: The user's faces to calibrate on, uint8 RGB (N, H, W, 3); None: drawn ones.
        count: Of them that go into the kit.

    Returns:
        Its folder.

    Raises:
        DataError: Something lies there that mfn did not write, or it cannot be written.
    """
    rows_last = suffix in _ROWS_LAST
    integers = made_of.integers
    bytes_in = bool(integers) and np.dtype(integers[INPUT]["dtype"]).itemsize == 1
    made = golden(deployable, golden_images(deployable.contract), network, rows_last, bytes_in)
    chosen = drawn_faces(deployable.contract, count) if faces is None else faces[:count]
    files = {
        **_golden_files(made, integers),
        **checks(deployable.contract.embedding_dim, integers),
        **device_tests(file.name, suffix, deployable),
        **dict(calibration_files(deployable, chosen)),
    }
    about = {name: what for name, what in _ABOUT.items() if any(path.startswith(name) for path in files)}
    facts = {
        "layout": "rows last (N, H, W, 3)" if rows_last else "planes (N, 3, H, W)",
        "batch": made_of.batch,
        "made_by": "the checkpoint in PyTorch" if network is None else f"the file itself in {runtime_of(network)}",
        "calibration": _calibrated_on(len(chosen), drawn=faces is None),
        "static": "",
    }
    if suffix == ".onnx" and (single := for_one_image(file.read_bytes())) is not None:
        name = f"{file.name.removesuffix(suffix)}_batch1{suffix}"
        files[name] = single
        about[name] = "the same network for exactly one image"
        facts["static"] = f"\n{file.name} takes any number of images; `{name}` is for tools that want it fixed.\n"
    files["README.md"] = readme(
        file.name, deployable, made, facts, [f"`{name}`: {what}" for name, what in about.items()], integers
    )
    folder = kit_folder(file, suffix)
    with replacing_folder(folder, MAKER) as fresh:
        for name, content in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(content)
    return folder


def _calibrated_on(count: int, drawn: bool) -> str:
    if drawn:
        return f"{count} drawn faces. Faces of your own camera measure ranges better: give them as `calibration=DIR`."
    return f"{count} of the faces of `calibration=`. They are pictures of people: mind whom you hand the kit to."


def _golden_files(made: Golden, integers: Mapping[str, Any]) -> dict[str, bytes]:
    inputs = as_integers(made.inputs, integers[INPUT]) if integers else made.inputs
    known, right = made.known(), next(iter(made.outputs.values()))
    pictures = {f"golden/images/{index}.png": png(image) for index, image in enumerate(made.images)}
    if integers:
        found = as_integers(right, integers[OUTPUT])
        pictures |= {"golden/integers.npy": npy(found), "golden/integers.bin": _little_endian(found)}
    return pictures | {
        "golden/pixels.npy": npy(made.images),
        "golden/input.npy": npy(inputs),
        "golden/input.bin": _little_endian(inputs),
        "golden/embedding.npy": npy(right),
        "golden/embedding.bin": right.astype("<f4").tobytes(),
        "golden/known.npy": npy(known),
        "golden/known.bin": known.astype("<f4").tobytes(),
        "golden/names.txt": "".join(f"{name}\n" for name in made.outputs).encode(),
        "golden/golden.h": header(made),
    }


def _little_endian(values: np.ndarray) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
