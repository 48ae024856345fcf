"""The page in a headless Chromium gives what Python gives."""

import base64
import dataclasses
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mfn.align.similarity import similarity_transform
from mfn.align.warp import warp
from mfn.align.yunet import YuNetDetector
from mfn.contract import InputContract, MeasuredScores
from mfn.errors import ExportError
from mfn.export.metadata import described
from mfn.export.network import ExportOptions, deployable
from mfn.export.targets.web import WebTarget
from mfn.export.web.runtime import runtime_files
from mfn.inference.embedder import FaceEmbedder
from mfn.models.layer_order import import_layer_order
from mfn.recognition.picture import Aligned, read_pixels
from mfn.recognition.pipeline import FacePipeline, Found
from mfn.recognition.thresholds import answer
from mfn.synthetic.dataset import SyntheticFaces
from tests.browser import PROGRAM, Tab, browser
from tests.export.networks import CONTRACT, faces
from tests.export.pages import served
from tests.export.shallow import shallow_network

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")]

MEASURED = MeasuredScores(
    "drawn", "sum", 10_000, 1_000, ((0.5, 0.0), (0.1, 0.2), (1e-3, 0.4), (1e-4, 0.6)), ((0.5, 0.6), (1e-3, 0.1))
)
OPTIONS: list[dict[str, Any]] = [{}, {"input": "uint8", "color": "BGR", "l2_normalize": True}, {"precision": "fp16"}]
YUNET = "weights/face_detection_yunet_2023mar.onnx"
MINUS = "\N{MINUS SIGN}"
WORDS = {"same": "Same person", "different": "Different people", "not sure": "Not sure"}


@pytest.fixture(scope="module")
def runtime() -> None:
    """ONNX Runtime Web, from the cache or from npm."""
    try:
        runtime_files(None)
    except ExportError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory, runtime: None) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory, runtime: None) -> Path:
    """A page of a network for people, with a detector, in one file and in a folder, and six photos of three people."""
    root = tmp_path_factory.mktemp("real")
    backbone, _, contract = import_layer_order(shared / "weights" / "y1.npz")
    contract = dataclasses.replace(contract, threshold=0.35, threshold_flip="sum", measured=MEASURED)
    made = described(deployable(backbone, contract, ExportOptions()))
    for name, single_file in (("page", False), ("one", True)):
        WebTarget(str(shared / YUNET), None, single_file).export(made, root / name, None)
    people = sorted((shared / "data" / "wild" / "photos").iterdir())[:3]
    for index, photo in enumerate(photo for person in people for photo in sorted(person.iterdir())[:2]):
        (root / f"{index}.jpg").write_bytes(photo.read_bytes())
    return root


@pytest.fixture(scope="module")
def pipeline(shared: Path, real: Path) -> FacePipeline:
    return FacePipeline(YuNetDetector(shared / YUNET), FaceEmbedder.load(real / "page" / "network.onnx"))


def opened(tab: Tab, address: str) -> None:
    tab.messages.clear()
    tab.open(address)
    tab.until("window.mfn")
    tab.run("mfn.opened().then(() => null)")


def looked(tab: Tab, source: str, options: str = "{}") -> list[dict[str, Any]]:
    """Every face that the page finds, with its crop as bytes."""
    return tab.run(f"""(async () => {{
      const seen = await mfn.look({json.dumps(source)}, {options});
      const found = [];
      for (const index of seen.faces.keys()) {{
        const face = await mfn.embed(seen, index);
        const crop = Array.from(face.crop.data);
        found.push({{...face, embedding: Array.from(face.embedding), crop}});
      }}
      return found;
    }})()""")


def test_real_photos_give_pythons_faces_crops_and_similarities(tab: Tab, real: Path, pipeline: FacePipeline) -> None:
    with served(real) as address:
        opened(tab, f"{address}/page/")
        expected: list[Found] = []
        for index in range(6):
            ours, theirs = pipeline(real / f"{index}.jpg"), looked(tab, f"/{index}.jpg")
            assert len(ours) == len(theirs) > 0
            for face, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(other["landmarks"], face.landmarks, atol=0.011)
                np.testing.assert_allclose(other["box"], face.box, atol=0.011)
                crop = np.array(other["crop"], np.uint8).reshape(112, 112, 4)[..., :3]
                assert np.abs(crop.astype(int) - face.crop).max() <= 2
                assert np.abs(crop.astype(int) - face.crop).mean() < 0.1
            expected.append(ours[0])
        for one, other in itertools.combinations(range(6), 2):
            found = tab.run(f"mfn.compare('/{one}.jpg', '/{other}.jpg').then(({{faces, ...rest}}) => rest)")
            cosine = float(expected[one].embedding @ expected[other].embedding)
            assert abs(found["similarity"] - cosine) < 1e-3
            assert found["answer"] == answer(found["similarity"], 0.35, 0.05)
        assert not tab.complaints()
        assert all(request.startswith(address) for request in tab.requests())


@pytest.mark.parametrize("place", ["page", "one"])
def test_a_visitor_gets_the_answer(tab: Tab, real: Path, pipeline: FacePipeline, place: str) -> None:
    """Through the page's own fields, from a server, and from a file alone."""
    with served(real) as address:
        for pair in ((0, 1), (0, 2)):
            opened(tab, f"{address}/page/" if place == "page" else (real / "one" / "index.html").as_uri())
            for name, index in zip(("one", "two"), pair, strict=True):
                tab.choose(f"#file-{name}", real / f"{index}.jpg")
            tab.until("!document.querySelector('.busy') && !document.querySelector('#result').hidden")
            ours, theirs = (pipeline(real / f"{index}.jpg")[0].embedding for index in pair)
            cosine = float(ours @ theirs)
            told = tab.run("document.querySelector('#number').textContent")
            assert abs(float(told.split()[1].replace(MINUS, "-")) - cosine) < 1.6e-3 and "threshold 0.350" in told
            said = tab.run("document.querySelector('#answer').textContent")
            assert said == WORDS[answer(cosine, 0.35, 0.05)]
            assert tab.run("document.querySelectorAll('#crops canvas').length") == 2
            assert tab.run("document.querySelector('#rate').textContent").startswith("Measured on drawn: ")
        assert not tab.complaints()
        assert all(request.startswith((address, real.as_uri())) for request in tab.requests())


def test_the_page_can_reach_no_other_place(tab: Tab, real: Path) -> None:
    with served(real) as elsewhere, served(real) as address:
        for page in (f"{address}/page/", (real / "one" / "index.html").as_uri()):
            opened(tab, page)
            assert tab.run(f"fetch('{elsewhere}/0.jpg').then(() => 'reached', () => 'refused')") == "refused"


def test_turned_and_grouped_and_spoilt_pictures(tab: Tab, real: Path, pipeline: FacePipeline, tmp_path: Path) -> None:
    photo = Image.open(real / "0.jpg").convert("RGB")
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned to the right
    photo.rotate(90, expand=True).save(tmp_path / "turned.jpg", quality=95, exif=turned)
    photo.save(tmp_path / "it's é🙂 #1%.png")
    group = Image.new("RGB", (1200, 500))
    for index in range(3):
        group.paste(Image.open(real / f"{2 * index}.jpg").convert("RGB").resize((400, 500)), (400 * index, 0))
    group.save(tmp_path / "group.jpg", quality=95)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGB", (3000, 20)).save(tmp_path / "line.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with served(real) as address:
        opened(tab, f"{address}/page/")
        (real / "more").symlink_to(tmp_path)
        for name, path in (("turned.jpg", "turned.jpg"), ("it's é🙂 #1%.png", "it's%20é🙂%20%231%25.png")):
            (ours,), (theirs,) = pipeline(tmp_path / name), looked(tab, f"/more/{path}")
            assert ours.embedding @ np.array(theirs["embedding"]) > 0.9999
        ours, theirs = pipeline(tmp_path / "group.jpg"), looked(tab, "/more/group.jpg")
        assert [face.score for face in ours] == pytest.approx([face["score"] for face in theirs], abs=2e-4)
        assert len(ours) == 3
        assert looked(tab, "/more/dot.png") == looked(tab, "/more/line.png") == []

        tab.choose("#file-two", real / "0.jpg")
        tab.choose("#file-one", tmp_path / "group.jpg")
        tab.until("document.querySelectorAll('#slot-one .faces button').length === 3")
        for index, face in enumerate(ours):
            tab.run(f"document.querySelectorAll('#slot-one .faces button')[{index}].click()")
            tab.until(f"document.querySelectorAll('#slot-one .faces button')[{index}].ariaPressed === 'true'")
            told = tab.run("document.querySelector('#number').textContent").split()[1].replace(MINUS, "-")
            cosine = float(face.embedding @ pipeline(real / "0.jpg")[0].embedding)
            assert abs(float(told) - cosine) < 2e-3
        for name, said in (("dot.png", "No face was found"), ("broken.jpg", "cannot read that file as a picture")):
            tab.choose("#file-one", tmp_path / name)
            tab.until(f"document.querySelector('#message-one').textContent.includes('{said}')")
            assert tab.run("document.querySelector('#result').hidden")


def drawn(count: int, size: tuple[int, int]) -> list[np.ndarray]:
    return [SyntheticFaces(count, 1, size).image(index) for index in range(count)]


def as_picture(image: np.ndarray) -> str:
    """JavaScript that makes a picture of uint8 RGB (H, W, 3)."""
    opaque = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    text = base64.b64encode(opaque.tobytes()).decode()
    data = f"Uint8ClampedArray.from(atob('{text}'), (letter) => letter.charCodeAt(0))"
    return f"{{width: {image.shape[1]}, height: {image.shape[0]}, data: {data}}}"


def pixels(picture: dict[str, Any]) -> np.ndarray:
    return np.array(picture["data"], np.uint8).reshape(picture["height"], picture["width"], 4)[..., :3].astype(int)


PLAIN = "(({width, height, data}) => ({width, height, data: Array.from(data)}))"


@pytest.fixture(scope="module")
def aligned_pages(tmp_path_factory: pytest.TempPathFactory, runtime: None) -> Path:
    """A page without a detector for each way to export and to use the mirrored face."""
    root = tmp_path_factory.mktemp("aligned")
    for (index, options), flip in itertools.product(enumerate(OPTIONS), ("none", "sum", "concat")):
        contract = dataclasses.replace(CONTRACT, threshold_flip=flip)
        made = described(deployable(shallow_network(), contract, ExportOptions(**options)))
        WebTarget(None).export(made, root / f"{index}{flip}", None)
    for index, face in enumerate(faces(3)):
        Image.fromarray(face).save(root / f"{index}.png")
    Image.new("RGB", (33, 32)).save(root / "wide.png")
    return root


@pytest.mark.parametrize("flip", ["none", "sum", "concat"])
@pytest.mark.parametrize("options", range(len(OPTIONS)))
def test_aligned_crops_give_pythons_similarities(tab: Tab, aligned_pages: Path, options: int, flip: str) -> None:
    with served(aligned_pages) as address:
        opened(tab, f"{address}/{options}{flip}/")
        embedder = FaceEmbedder.load(aligned_pages / f"{options}{flip}" / "network.onnx")
        pipeline = FacePipeline(None, embedder)
        assert pipeline.flip == flip
        crops = [read_pixels(aligned_pages / f"{index}.png") for index in range(3)]
        ours = [pipeline(Aligned(crop))[0].embedding for crop in crops]
        for one, other in itertools.combinations(range(3), 2):
            found = tab.run(f"mfn.compare('/{one}.png', '/{other}.png')")
            assert abs(found["similarity"] - float(ours[one] @ ours[other])) < 1e-4
            assert (found["threshold"], found["answer"]) == (None, None)
        assert "takes aligned crops only" in tab.run("document.querySelector('#notice').textContent")
        tab.choose("#file-one", aligned_pages / "wide.png")
        tab.until("document.querySelector('#message-one').textContent.includes('has 33 \u00d7 32')")
        for name, index in (("one", 0), ("two", 1)):
            tab.choose(f"#file-{name}", aligned_pages / f"{index}.png")
        tab.until("!document.querySelector('#result').hidden")
        assert tab.run("document.querySelector('#answer').textContent") == "No threshold"
        assert not tab.complaints()


def test_shrinking_and_cutting_are_opencvs(tab: Tab, aligned_pages: Path) -> None:
    template = InputContract().template
    generator = np.random.default_rng(0)
    (photo,) = drawn(1, (150, 210))
    with served(aligned_pages) as address:
        opened(tab, f"{address}/0none/")
        for width, height in ((210, 150), (209, 149), (105, 75), (70, 50), (64, 46), (20, 140), (1, 1)):
            script = (
                f"import('/0none/picture.js').then((m) => {PLAIN}(m.shrunk({as_picture(photo)}, {width}, {height})))"
            )
            expected = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
            assert np.abs(pixels(tab.run(script)) - expected).max() <= 1, (width, height)
        for scale in (0.1, 0.5, 1.0, 3.0):
            points = np.array(template) * scale + generator.uniform(-20, 90, 2) + generator.normal(0, 2 * scale, (5, 2))
            matrix = similarity_transform(points, template)
            script = f"""import('/0none/align.js').then((m) => {{
              const transform = m.similarityTransform({points.tolist()}, {json.dumps(template)});
              return [transform, {PLAIN}(m.warped({as_picture(photo)}, transform, 112, 112))];
            }})"""
            (a, b, x, y), crop = tab.run(script)
            np.testing.assert_allclose([[a, -b, x], [b, a, y]], matrix, atol=1e-9)
            difference = np.abs(pixels(crop) - warp(photo, matrix, (112, 112)))
            assert difference.mean() < 0.5 and np.quantile(difference, 0.99) <= 2  # OpenCV 4 cuts at 1/32 pixel
        same = f"m.similarityTransform({[[3, 4]] * 5}, {json.dumps(template)})"
        assert tab.run(f"import('/0none/align.js').then((m) => {same})") is None


def test_rates_are_those_of_the_measured_scores(tab: Tab, aligned_pages: Path) -> None:
    told = json.dumps(MEASURED.to_dict())
    with served(aligned_pages) as address:
        opened(tab, f"{address}/0none/")
        for cosine in (0.0, 0.1, 0.2, 0.3, 0.55, 0.6):
            found = tab.run(f"import('/0none/decide.js').then((m) => m.falseMatches({told}, {cosine}))")
            assert found == {"share": pytest.approx(MEASURED.fmr_at(cosine)), "bound": ""}
        for kind, cosine, share, bound in (
            *(("falseMatches", -0.5, 0.5, "more than"), ("falseMatches", 0.9, 1e-4, "fewer than")),
            *(("falseNonMatches", 0.0, 1e-3, "fewer than"), ("falseNonMatches", 0.6, 0.5, "")),
            ("falseNonMatches", 0.9, 0.5, "more than"),
        ):
            found = tab.run(f"import('/0none/decide.js').then((m) => m.{kind}({told}, {cosine}))")
            assert found == {"share": pytest.approx(share), "bound": bound}
