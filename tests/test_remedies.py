"""Sentences of export, of network files and of checkpoints that say what to do: it is done here, and it helps."""

import ast
import dataclasses
import json
import re
import shlex
import zipfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import requires
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from mfn.about import DISTRIBUTION, install_command
from mfn.checkpoint.backbone import admit
from mfn.checkpoint.folder import CONFIG
from mfn.checkpoint.format import read_checkpoint, write_atomically
from mfn.commands.export import export
from mfn.commands.main import main
from mfn.errors import MfnError
from mfn.export.target import missing_packages
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.file_contract import side_file, write_side_file
from mfn.inspection.networks import stated_contract
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.sources.encode import png
from mfn.synthetic.dataset import SyntheticFaces
from tests.commands.evaluating import judge_with, write_files
from tests.composing import composed
from tests.export.networks import CONTRACT as CONTRACT_OF_SMALL
from tests.export.networks import faces, small_checkpoint
from tests.export.pages import runtime_like
from tests.inference.onnx_files import CONTRACT, write_onnx

MFN = Path(__file__).resolve().parents[1] / "mfn"
SPEAKING = [
    *(MFN / "export").rglob("*.py"),
    *(MFN / "inference").rglob("*.py"),
    *(MFN / "checkpoint").rglob("*.py"),
    MFN / "models" / "layer_order.py",
    MFN / "inspection" / "networks.py",
]
REMEDY = re.compile(
    r"install_command|pip install|`mfn|=DIR|=FILE|=true|=True|(?<!cannot )\bwrite\b|says in which|"
    r"\b(give|choose|leave|remove|export|judges?|name|put|free|use|takes|needs)\b"
)
"""Words with which a sentence says what to do."""

Done = Callable[[Path], None]
REMEDIES: dict[str, Done] = {}


def remedy(*words: str) -> Callable[[Done], Done]:
    """What does what the sentences with these words say."""

    def listed(done: Done) -> Done:
        REMEDIES.update(dict.fromkeys(words, done))
        return done

    return listed


def told(run: Callable[..., object], *arguments: object, words: str) -> str:
    """The sentence that something ends with, which has these words."""
    with pytest.raises(MfnError) as caught:
        run(*arguments)
    assert words in str(caught.value)
    return str(caught.value)


def export_to(folder: Path, *overrides: str, out: str = "out") -> list[Path]:
    if not (folder / "small.ckpt").exists():
        small_checkpoint(folder)
    quick = ("latency.rounds=0", "target=torchscript", f"model_path={folder / 'small.ckpt'}")
    config = composed(*quick, *overrides, config="export")
    config.paths.output = str(folder / out)
    return export(config)


def people(folder: Path) -> Path:
    """A folder of one folder per person."""
    for number, face in enumerate(faces(16)):
        (folder / f"person {number // 2}").mkdir(parents=True, exist_ok=True)
        (folder / f"person {number // 2}" / f"{number}.png").write_bytes(png(face))
    return folder


@remedy("needs faces to calibrate on", "calibration=DIR (an InsightFace pack or a folder of people)")
def calibrate(folder: Path) -> None:
    int8 = ("target=onnx", "precision=int8", "target.onnx.int8.balance=null")  # random weights are even already
    told(export_to, folder, *int8, words="calibration=DIR (an InsightFace pack or a folder of people) or ")
    assert export_to(folder, *int8, f"calibration={people(folder / 'people')}", "limits.min_cosine=0.5")


@remedy("name a coarser column")
def name_a_coarser_column(folder: Path) -> None:
    drawn = SyntheticFaces(21, 2, (32, 32))
    rows = [f"{index},{index}x,{index % 2}" for index in range(42)]
    (folder / "known.csv").write_text("\n".join(["image,name,half", *rows]))
    for index in range(42):
        (folder / "all" / str(index // 2)).mkdir(parents=True, exist_ok=True)
        (folder / "all" / str(index // 2) / f"{index}.png").write_bytes(png(drawn.image(index)))
    words = (f"check.root={folder / 'all'}", f"check.groups={folder / 'known.csv'}", "check_alignment=false")
    told(export_to, folder, *words, "check.by=name", words="check.by=name makes more than 40 groups: name a coarser")
    assert export_to(folder, *words, "check.by=half")


@remedy("choose another name= or paths.output=, or move it away", "choose another paths.output=, or move it away")
def keep_what_lies_there(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "small_torchscript_fp32.pt").write_text("mine")
    told(export_to, folder, words="mfn did not write it: choose another name= or paths.output=, or move it away")
    assert export_to(folder, "name=other")
    (folder / "out" / "proof.json").write_text("mine")
    told(export_to, folder, "name=third", words="mfn did not write it: choose another paths.output=, or move it away")
    assert export_to(folder, out="elsewhere")


@remedy("must be a plain name without folder and suffix", "NAME_TARGET_PRECISION.SUFFIX, and paths.output=DIR says")
def name_and_folder(folder: Path) -> None:
    sentence = told(export_to, folder, "name=sub/net", words="must be a plain name without folder and suffix")
    assert "paths.output=DIR says in which folder" in sentence
    assert export_to(folder, "name=net", out="sub")[0] == folder / "sub" / "net_torchscript_fp32.pt"


@remedy("is a program (TorchScript), and loading it runs what is in it", "trust_torchscript=true")
def trust_a_program(folder: Path) -> None:
    files = write_files(folder / "files")
    network = export_to(folder, f"model_path={files / 'net.ckpt'}")[0]
    benchmark = ("benchmark=lfw", f"benchmark.root={files / 'packs'}", f"model_path={network}")
    told(judge_with, files, folder / "run", *benchmark, words="`mfn evaluate` takes trust_torchscript=true")
    told(FaceEmbedder.load, network, words="FaceEmbedder.load trust_torchscript=True")
    assert judge_with(files, folder / "run", *benchmark, "trust_torchscript=true")["sets"]
    assert FaceEmbedder.load(network, trust_torchscript=True)


@remedy("holds {}, which loading would run as code; export it anew")
def export_anew(folder: Path) -> None:
    network = export_to(folder, "target=torch_export")[0]
    with zipfile.ZipFile(network, "a") as archive:
        archive.writestr("net/data/aotinductor/net.so", b"")
    told(FaceEmbedder.load, network, words="which loading would run as code; export it anew")
    again = export_to(folder, "target=torch_export", out="anew")[0]
    assert FaceEmbedder.load(again).contract == FaceEmbedder.load(folder / "small.ckpt").contract


@remedy("judge the .onnx of the same checkpoint here")
def judge_onnx(folder: Path) -> None:
    (folder / "net.mlpackage").mkdir()
    told(FaceEmbedder.load, folder / "net.mlpackage", words="judge the .onnx of the same checkpoint here")
    files = write_files(folder / "files")
    network = export_to(folder, f"model_path={files / 'net.ckpt'}", "target=onnx")[0]
    sets = judge_with(files, folder, "benchmark=lfw", f"benchmark.root={files / 'packs'}", f"model_path={network}")
    assert sets["sets"]["lfw"]["pairs"] == 40


@remedy(
    "does not say what pixels it expects: give",
    "contract.mean=[127.5,127.5,127.5] contract.std",
    "check_contract=true tells",
)
def state_the_contract(folder: Path) -> None:
    network = write_onnx(folder / "net.onnx", contract=None)
    sentence = told(FaceEmbedder.load, network, words="does not say what pixels it expects: give contract.color")
    usual = [word for word in re.findall(r"contract\.\w+=[\w.,\[\]]+", sentence) if "pixels" not in word]
    assert len(usual) == 3
    assert FaceEmbedder.load(network, stated_contract(usual)).contract.std == (127.5, 127.5, 127.5)
    inside = stated_contract(["contract.color=RGB", "contract.pixels=true"])
    assert FaceEmbedder.load(network, inside).contract.std == (1.0, 1.0, 1.0)
    files = write_files(folder / "files")
    exported = export_to(folder, f"model_path={files / 'net.ckpt'}", "target=onnx")[0]
    foreign = without_contract(exported)
    judged = ("benchmark=lfw", f"benchmark.root={files / 'packs'}", f"model_path={foreign}", "check_contract=true")
    assert judge_with(files, folder / "run", *judged, *usual)["contract_check"]


@remedy("contradicts {}: {}; remove one")
def remove_the_side_file(folder: Path) -> None:
    network = write_onnx(folder / "net.onnx")
    write_side_file(network, dataclasses.replace(CONTRACT, color="BGR"))
    told(FaceEmbedder.load, network, words="; remove one")
    side_file(network).unlink()
    assert FaceEmbedder.load(network).contract == CONTRACT


@remedy("holds another input contract: {}; leave contract.* out")
def leave_the_contract_out(folder: Path) -> None:
    network = write_onnx(folder / "net.onnx")
    told(FaceEmbedder.load, network, {"color": "BGR"}, words="; leave contract.* out")
    assert FaceEmbedder.load(network).contract == CONTRACT


@remedy("says that the network normalises inside: leave mean and std out")
def leave_mean_and_std_out(folder: Path) -> None:
    network, stated = write_onnx(folder / "net.onnx", contract=None), {"color": "RGB", "pixels": True}
    told(FaceEmbedder.load, network, {**stated, "mean": [0, 0, 0]}, words="leave mean and std out")
    assert FaceEmbedder.load(network, stated).contract.std == (1.0, 1.0, 1.0)


@remedy("is no field of a contract; write contract.height=112 and the like")
def write_fields(folder: Path) -> None:
    told(stated_contract, ["height=112"], words="write contract.height=112 and the like")
    assert stated_contract(["contract.height=112"]) == {"height": 112}


@remedy("`mfn import` makes one of weights of others, and `mfn evaluate` judges exported files as they are")
def bring_in_arrays(folder: Path) -> None:
    state = MobileFaceNet(16, (32, 32)).state_dict()
    torch.save({"state_dict": state}, folder / "theirs.ckpt")
    told(FaceEmbedder.load, folder / "theirs.ckpt", words="`mfn import` makes one of weights of others")
    np.savez(folder / "net.npz", **{name: value.numpy() for name, value in state.items() if "num_batches" not in name})
    about = {"input": "32x32 RGB, (x-127.5)/128", "bn_eps": 1e-5, "last_bn_eps": 1e-5}
    (folder / "net.json").write_text(json.dumps(about))
    main(["import", str(folder / "net.npz"), "--output", str(folder / "net.ckpt")])
    assert FaceEmbedder.load(folder / "net.ckpt").contract.embedding_dim == 16
    judge_onnx(folder)


@remedy("free some space or choose another folder")
def another_folder(folder: Path) -> None:
    content = read_checkpoint(small_checkpoint(folder))
    (folder / "file").touch()
    told(write_atomically, content, folder / "file" / "net.ckpt", words="choose another folder")
    write_atomically(content, folder / "other" / "net.ckpt")
    assert FaceEmbedder.load(folder / "other" / "net.ckpt")


@remedy("are more than limits.max_bytes=")
def raise_a_limit(folder: Path) -> None:
    told(export_to, folder, "limits.max_bytes=1000", words="bytes are more than limits.max_bytes=1,000")
    assert export_to(folder, "limits.max_bytes=10000000")


@remedy("install_command", "needs the")
def install(folder: Path) -> None:
    """What is named is this project with one of its extras, or what it asks for itself: no stranger's package."""
    ours = {Requirement(text).name: Requirement(text).specifier for text in requires(DISTRIBUTION) or ()}
    ours[DISTRIBUTION] = SpecifierSet()
    commands = [install_command(extra) for extra in ("litert", "ncnn", "executorch", "openvino", "coreml")]

    class Lacking:
        name, requires = "onnx", (("onnx_of_nobody", ""),)

    with pytest.raises(KeyError):
        missing_packages(Lacking)
    commands.append(install_command("", "onnx", "onnxscript", "onnxruntime"))
    for command in commands:
        program, verb, *packages = shlex.split(command)
        assert (program, verb) == ("pip", "install") and packages
        assert all(ours[(named := Requirement(package)).name] == named.specifier for package in packages)


@remedy(
    "keeps the network as it is: leave input, color and l2_normalize out",
    "written by `mfn export target=safetensors`",
)
def write_a_folder(folder: Path) -> None:
    words = ("target=safetensors", "precision=fp32")
    told(export_to, folder, *words, "input=uint8", words="leave input, color and l2_normalize out")
    (written,) = export_to(folder, *words, out="left_out")
    (config := written / CONFIG).write_text("{}")
    told(FaceEmbedder.load, written, words="is written by `mfn export target=safetensors`")
    config.unlink()
    (again,) = export_to(folder, *words, out="again")
    assert FaceEmbedder.load(again)(faces()).shape == (8, CONTRACT_OF_SMALL.embedding_dim)


@remedy("by mfn.checkpoint.backbone.admit")
def name_a_network_of_ones_own(folder: Path) -> None:
    checkpoint = read_checkpoint(small_checkpoint(folder))
    checkpoint["mfn"]["model"] = {"_target_": f"{__name__}.OwnNetwork"}
    checkpoint["state_dict"] = {f"backbone.{name}": value for name, value in OwnNetwork().state_dict().items()}
    write_atomically(checkpoint, folder / "own.ckpt")
    told(FaceEmbedder.load, folder / "own.ckpt", words="by mfn.checkpoint.backbone.admit")
    admit([f"{__name__}.OwnNetwork"])
    assert FaceEmbedder.load(folder / "own.ckpt")(faces()).shape == (8, 16)


@remedy(
    "does nothing without {}: name a column there, or leave it out",
    "is given but no column: name one",
    "give groups.file=FILE.csv with a column of that name",
    "raise groups.fmr, or take groups.comparisons=all",
    "no error-versus-discard curve; raise quality.fmr",
    "take groups.comparisons=pairs",
    "take a quality network for these",
    "name a set of pairs among the benchmarks too",
)
def groups_and_qualities(folder: Path) -> None:
    files = write_files(folder / "files")
    judge, root = partial(judge_with, files, folder / "run"), f"benchmark.root={files}"
    people = sorted(place.name for place in (files / "lfw/images").iterdir())
    rows = [f"{name},{'fm'[number % 2]}" for number, name in enumerate(people)]
    (folder / "who.csv").write_text("\n".join(["identity,gender", *rows]))
    named, by, file = ("benchmark=lfw", root), "groups.by=[gender]", f"groups.file={folder / 'who.csv'}"
    told(judge, *named, "groups.bins=[18]", words="groups.bins does nothing without groups.by: name a column there, or")
    told(judge, *named, file, words="is given but no column: name one or two of gender in groups.by=[...]")
    told(judge, *named, by, words="give groups.file=FILE.csv with a column of that name")
    few = judge(*named, file, by, "quality.by=[norm]", "bootstrap=0")["sets"]["lfw"]
    assert not few["group_rates"] and not few["error_versus_discard"]
    assert any("raise groups.fmr, or take groups.comparisons=all" in note for note in few["notes"])
    assert any("raise quality.fmr" in note for note in few["notes"])
    raised = judge(*named, file, by, "groups.fmr=0.1", "quality.by=[norm]", "quality.fmr=0.1", "bootstrap=0")
    assert raised["sets"]["lfw"]["group_rates"] and raised["sets"]["lfw"]["error_versus_discard"]
    every = judge(*named, file, by, "groups.comparisons=all", "groups.fmr=1e-2", "bootstrap=0")["sets"]["lfw"]
    assert every["group_rates"]
    images = sorted((files / "lfw/images").rglob("*.png"))
    lines = [f"{one},{other},{number % 2}" for number, (one, other) in enumerate(pairwise(images[:20]))]
    (folder / "pairs.csv").write_text("\n".join(["image_a,image_b,label", *lines]))
    strangers = ("benchmark=file", f"benchmark.root={folder / 'pairs.csv'}", file, by, "groups.fmr=0.2", "bootstrap=0")
    told(judge, *strangers, "groups.comparisons=all", words="take groups.comparisons=pairs")
    assert judge(*strangers, "groups.comparisons=pairs")["sets"]["pairs"]["group_rates"]
    small = export_to(folder, "target=onnx", out="small")[0]
    told(judge, *named, f"quality.by=['{write_onnx(folder / 'other.onnx')}']", words="take a quality network for these")
    assert judge(*named, f"quality.by=['{small}']", "quality.fmr=0.1", "bootstrap=0")["sets"]["lfw"][
        "error_versus_discard"
    ]
    alone = ("benchmark=identification", f"benchmark.root={files / 'lfw/images'}", file, by)
    told(judge, *alone, words="name a set of pairs among the benchmarks too, as benchmark=[lfw,NAME]")


class OwnNetwork(torch.nn.Module):
    """One convolution over the whole face."""

    embedding_dim = 16

    def __init__(self) -> None:
        super().__init__()
        self.only = torch.nn.Conv2d(3, 16, 32)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.only(images).flatten(1)


@remedy("is not the folder of the npm package", "there is no npm to fetch it")
def bring_the_browsers_runtime(folder: Path) -> None:
    page = ("target=web", "target.web.detector=null")
    runtime = runtime_like(folder / "node_modules" / "onnxruntime-web")
    wrong, right = (f"target.web.runtime={place}" for place in (runtime.parent, runtime))
    told(export_to, folder, *page, wrong, words="makes node_modules/onnxruntime-web; or leave the key out")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", "")
        patched.setenv("MFN_HOME", str(folder / "home"))
        told(export_to, folder, *page, words="there is no npm to fetch it")
    assert export_to(folder, *page, right)


def without_contract(network: Path) -> Path:
    import onnx

    model = onnx.load(network)
    del model.metadata_props[:]
    foreign = network.with_name("foreign.onnx")
    onnx.save(model, foreign)
    return foreign


@pytest.mark.slow
@pytest.mark.parametrize("done", dict.fromkeys(REMEDIES.values()), ids=lambda done: done.__name__)
def test_a_remedy_helps(done: Done, tmp_path: Path) -> None:
    done(tmp_path)


def test_every_sentence_with_a_remedy_is_among_them() -> None:
    spoken = [sentence for file in SPEAKING for sentence in sentences(file)]
    assert len(spoken) > 100
    words = [word.replace("{}", "") for word in REMEDIES]
    advising = [sentence for sentence in spoken if REMEDY.search(sentence)]
    assert not [sentence for sentence in advising if not any(word in sentence for word in words)]


def sentences(file: Path) -> list[str]:
    """What a file's errors say, with nothing in place of values."""
    raised = [node.exc for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Raise) and node.exc]
    return [
        "".join(
            part.value if isinstance(part, ast.Constant) else part.id
            for part in ast.walk(error)
            if (isinstance(part, ast.Constant) and isinstance(part.value, str)) or isinstance(part, ast.Name)
        )
        for error in raised
    ]
