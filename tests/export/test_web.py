"""The folder of a page: what is in it, what it may do, and what is refused."""

import dataclasses
import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from mfn.config.build import build_all
from mfn.errors import CheckpointError, DataError, ExportError
from mfn.export.limits import Limits
from mfn.export.network import Deployable
from mfn.export.target import Description
from mfn.export.targets.web import WebTarget
from mfn.export.validation import FileValidation
from mfn.export.web.detector import detector_bytes
from mfn.export.web.page import ASSETS, SCRIPTS, SITE, joined_scripts, page_files
from mfn.export.web.runtime import MODULE, VERSION, WASM, runtime_files
from mfn.inference.embedder import FaceEmbedder
from tests.commands.test_export import run
from tests.composing import composed
from tests.export.networks import CONTRACT, faces
from tests.export.pages import runtime_like, settings_of, yunet_like
from tests.export.shallow import shallow_deployable

FOLDER = {"index.html", "style.css", "README.txt", "LICENSES.txt", *SCRIPTS, *ASSETS.values()}
TOLD = {"name": "net", "runtime": "9.8.7", "contract": CONTRACT.to_dict()}
PARTS = {"network": b"net", "ort": b"code", "wasm": b"\0asm", "detector": b"faces"}


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def deployable() -> Deployable:
    made = shallow_deployable()
    contract = dataclasses.replace(made.contract, threshold=0.3, threshold_far=1e-3, threshold_flip="sum")
    return dataclasses.replace(made, contract=contract)


@pytest.mark.slow
@pytest.mark.parametrize("single_file", [False, True])
@pytest.mark.parametrize("with_detector", [False, True])
def test_the_folder_has_all_and_the_network_runs(
    tmp_path: Path, deployable: Deployable, single_file: bool, with_detector: bool
) -> None:
    detector = str(yunet_like(tmp_path / "y.onnx")) if with_detector else None
    target = WebTarget(detector, str(runtime_like(tmp_path / "ort")), single_file, band=0.1)
    path = tmp_path / 'it\'s "n" & <b>é🙂_web_fp32'
    assert target.export(deployable, path, None) == [path]
    expected = {"index.html", "network.onnx", "README.txt", "LICENSES.txt"} if single_file else FOLDER
    assert files_in(path) == expected - ({"detector.onnx"} if not with_detector else set())
    told = settings_of(path / "index.html")
    assert told["name"] == path.name.removesuffix("_web_fp32") and told["contract"] == deployable.contract.to_dict()
    assert (told["flip"], told["band"], told["precision"], told["runtime"]) == ("sum", 0.1, "fp32", "9.8.7")
    assert bool(told["detector"]) == with_detector == ("YuNet" in (path / "LICENSES.txt").read_text())
    readme = (path / "README.txt").read_text()
    assert ("python -m http.server" in readme) == (not single_file)
    assert FaceEmbedder.load(path / "network.onnx")(faces(2)).any()
    description = target.describe(path)
    assert description.operators["Conv"] > 5 and description.brought > 10_000


@pytest.mark.slow
def test_the_command_proves_the_page_and_replaces_only_its_own(tmp_path: Path) -> None:
    words = ("target=web", "target.web.detector=null", f"target.web.runtime={runtime_like(tmp_path / 'ort')}")
    (kept,) = run(tmp_path, *words)
    told = json.loads((tmp_path / "out" / "proof.json").read_text())["files"][0]
    assert told["parity"]["min_cosine"] > 0.9999 and told["files"] == {kept.name: told["bytes"]}
    before = (kept / "index.html").read_bytes()
    assert run(tmp_path, *words) == [kept] and (kept / "index.html").read_bytes() == before
    (kept / "index.html").write_bytes(before + b"<!-- mine -->")
    with pytest.raises(DataError, match=r"small_web_fp32 is there already, and is not as mfn wrote it: choose another"):
        run(tmp_path, *words)
    assert (kept / "index.html").read_bytes().endswith(b"<!-- mine -->")


def test_a_page_of_one_file_is_the_same_each_time_and_holds_every_part() -> None:
    page = page_files(TOLD, PARTS, True)["index.html"]
    assert page == page_files(TOLD, PARTS, True)["index.html"]
    assert {name for name in PARTS if f'id="asset-{name}"'.encode() in page} == set(PARTS)


@pytest.mark.parametrize("single_file", [False, True])
def test_the_policy_lets_nothing_out(single_file: bool) -> None:
    page = page_files(TOLD, PARTS, single_file)["index.html"].decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy and policy[1].startswith("default-src 'none';")
    assert f"connect-src {chr(39)}{'none' if single_file else 'self'}{chr(39)};" in policy[1]
    assert not re.search(r"https?:|\*|unsafe-inline|'unsafe-eval'", policy[1])
    assert page.index("Content-Security-Policy") < page.index("<link") < page.index("<script")


def test_no_address_of_another_host_is_in_the_page() -> None:
    for path in SITE.iterdir():
        text = (
            path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "").replace("http://127.0.0.1", "")
        )
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), path.name


def test_no_text_ends_the_element_it_is_in() -> None:
    evil = "</script><script>alert(1)</script><!--"
    page = page_files({**TOLD, "name": evil}, PARTS, False)["index.html"].decode()
    assert evil not in page and page.count("</script>") == 2


def test_joined_scripts_import_nothing_and_name_nothing_twice() -> None:
    code = joined_scripts()
    assert "import {" not in code and not re.search(r"^export ", code, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", code, re.MULTILINE)
    assert len(names) == len(set(names)) > 30
    assert {path.name for path in SITE.glob("*.js")} == set(SCRIPTS)


def test_the_runtime_may_be_large_and_the_network_may_not() -> None:
    class Paper:
        parameters, layers, judged = 1_000, 10, {}

    def file(size: int, brought: int) -> FileValidation:
        return FileValidation("web", "fp32", "n", {"n": size}, Description("", brought=brought))

    assert not Limits().broken(file(14_001_000, 14_000_000), Paper())
    assert Limits().broken(file(14_100_000, 14_000_000), Paper())
    assert Limits(max_bytes=10_000_000).broken(file(14_001_000, 14_000_000), Paper())


def test_the_configuration_makes_the_target_and_refuses_nonsense() -> None:
    config = composed("model_path=x", "target=web", config="export")
    assert build_all(config.target)["web"].detector == "yunet"
    for band in (-0.1, 1.5, float("nan")):
        with pytest.raises(ExportError, match=r"target\.web\.band=.* must be from 0 to 1"):
            WebTarget(band=band)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "package.json").unlink(), "is not the folder of the npm package onnxruntime-web"),
        (lambda folder: (folder / "package.json").write_text("[1"), "is not the folder of the npm package"),
        (lambda folder: (folder / "package.json").write_text('{"name": "react"}'), "is not the folder of the npm"),
        (lambda folder: (folder / "dist" / MODULE).unlink(), f"lacks dist/{MODULE}"),
        (lambda folder: (folder / "dist" / WASM).unlink(), f"lacks dist/{WASM}"),
    ],
)
def test_another_folder_is_no_runtime(tmp_path: Path, spoil: object, said: str) -> None:
    folder = runtime_like(tmp_path / "ort")
    spoil(folder)
    with pytest.raises(ExportError, match=re.escape(said)) as caught:
        runtime_files(folder)
    assert str(folder) in str(caught.value) and "npm install onnxruntime-web" in str(caught.value)


def npm(folder: Path, script: str) -> None:
    """Something that is called npm and counts how often it runs."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\necho x >> {folder}/calls\n{script}\n")
    (folder / "npm").chmod(0o755)


def packed(path: Path, *, whole: bool = True) -> Path:
    source = runtime_like(path.with_suffix(".files"), version=VERSION)
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(files_in(source))[: None if whole else 1]:
            archive.add(source / file, f"package/{file}")
        outside = tarfile.TarInfo("package/../../outside")
        archive.addfile(outside, io.BytesIO())
    return path


def test_npm_brings_the_runtime_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    npm(tmp_path / "bin", f'for last; do :; done; cp {packed(tmp_path / "p.tgz")} "$last"/o.tgz')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    for _ in range(2):
        assert (found := runtime_files(None)).version == VERSION and found.wasm == b"\0asm"
    assert (tmp_path / "bin" / "calls").read_text().split() == ["x"]
    kept = tmp_path / "home" / f"onnxruntime-web-{VERSION}"
    assert files_in(kept) == {"package.json", f"dist/{MODULE}", f"dist/{WASM}"}
    assert sorted(path.name for path in kept.parent.iterdir()) == [kept.name, f"{kept.name}.lock"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            """printf %s '{"error": {"summary": "request to registry failed\\nmore"}}'; exit 1""",
            "(request to registry failed)",
        ),
        ("echo 'npm ERR! disk' >&2; exit 3", "(npm ERR! disk)"),
        ("exit 4", "(status 4)"),
        ("exit 0", "npm cannot fetch"),
        ("for last; do :; done; echo nonsense > $last/x.tgz", "npm brought another onnxruntime-web"),
        ("for last; do :; done; cp HALF $last/x.tgz", "npm brought another onnxruntime-web"),
    ],
)
def test_what_npm_cannot_do_is_told_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    npm(tmp_path / "bin", script.replace("HALF", str(packed(tmp_path / "half.tgz", whole=False))))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    with pytest.raises(ExportError, match=re.escape(said)) as caught:
        runtime_files(None)
    assert "\n" not in str(caught.value) and "target.web.runtime=DIR" in str(caught.value)
    assert [path.suffix for path in (tmp_path / "home").iterdir()] == [".lock"]


def test_without_npm_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match=r"there is no npm to fetch it: install Node\.js.*target\.web\.runtime=DIR"):
        runtime_files(None)


def test_the_detector_takes_photos_of_any_size(tmp_path: Path) -> None:
    import onnx

    graph = onnx.load_model_from_string(detector_bytes(yunet_like(tmp_path / "y.onnx"))).graph
    assert [dim.dim_param for dim in graph.input[0].type.tensor_type.shape.dim[2:]] == ["height", "width"]


def test_another_file_is_no_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    (tmp_path / "bad.onnx").write_bytes(b"\xff\xff no graph")
    yunet_like(tmp_path / "less.onnx", leave_out="kps_16")
    for name, said in (("bad", "cannot be read"), ("less", "is not YuNet of 2023"), ("gone", "is missing")):
        with pytest.raises(ExportError, match=said) as caught:
            detector_bytes(tmp_path / f"{name}.onnx")
        assert "mfn fetch yunet" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="mfn fetch yunet"):
        detector_bytes("yunet")
