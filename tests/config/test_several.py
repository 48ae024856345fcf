import shlex
from pathlib import Path

import pytest

from mfn.commands.launch import train_arguments
from mfn.config.build import build
from mfn.config.command_line import CommandLine
from mfn.config.compose import composed
from mfn.config.quoting import quoted_override
from mfn.config.request import request_of, requested
from mfn.config.several import with_several
from mfn.config.sources import open_source, open_validation
from mfn.errors import CheckpointError, ConfigError, DataError
from mfn.sources.several import SeveralFaces
from mfn.training.checking import check
from tests.sources.test_several import folder, pack

ODD = "sets of ünï,=[x]/0123"


def spelled(*words: str) -> list[str]:
    return list(with_several(CommandLine.parse(words)).overrides)


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A pack and two folders of people, a and b in two of them, and further images of some."""
    pack(tmp_path / "p", ["a", "b", "c"], 6)
    folder(tmp_path / ODD, ["b", "a", "z"], 5)
    folder(tmp_path / "g", ["a", "q"], 4, seed=70)
    folder(tmp_path / "val", ["b", "nobody"], 2, seed=90)
    return tmp_path


def typed(root: Path, *words: str) -> list[str]:
    """What Hydra gets for a pack and a folder."""
    places = [f"data.sources.ms1m.root={root / 'p'}", quoted_override("data.sources.folder.root", str(root / ODD))]
    return train_arguments(["data=[ms1m,folder]", *places, "fit=resize", "image_size=[16,16]", *words], root)


def test_a_list_is_spelled_out() -> None:
    assert spelled("data=[ms1m,folder]", "seed=1") == [
        *("data=several", "+source@data.sources.ms1m=pack", "+source@data.sources.folder=folder", "seed=1")
    ]
    assert spelled("data=[ms1m,ms1m,ms1m]")[1:] == [
        f"+source@data.sources.{name}=pack" for name in ("ms1m", "ms1m_2", "ms1m_3")
    ]
    assert spelled("data={own:ms1m, web-2:folder}")[1:] == [
        *("+source@data.sources.own=pack", "+source@data.sources.web-2=folder")
    ]
    assert spelled("data=[pack,list,lmdb,webdataset,tfrecord]")[2] == "+source@data.sources.list=list"
    assert spelled("data=[ms1m]") == ["data=ms1m"]
    assert spelled("data={x:ms1m}") == ["data=several", "+source@data.sources.x=pack"]
    for untouched in ("data=ms1m", "data.root=[x]", "+data=[a]", "data=[ms1m", "benchmark=[lfw]", "data=ms1m,folder"):
        assert spelled(untouched) == [untouched]
    assert spelled("data=[ms1m,folder]", "data=lmdb") == ["data=lmdb"] == spelled("data=[a]", "data=[lmdb]")
    assert spelled("data=lmdb", "data=[ms1m,folder]", "data=[ms1m,folder]")[1:] == spelled("data=[ms1m,folder]")[1:]
    again = spelled("data=[ms1m,folder]", "data.weights.ms1m=0.5")
    assert again[-1] == "++data.weights.ms1m=0.5" and spelled(*again) == again


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("data=[]", "chooses nothing: name sources"),
        ("data={}", "chooses nothing"),
        ("data=[ms1m,nothing]", "there is no nothing; sources are folder, list, lmdb, ms1m, pack"),
        ("data=[ms1m,several]", "there is no several"),
        ("data=[ms1m,base]", "there is no base"),
        ("data=[ms1m,[folder]]", "name sources by letters"),
        ("data=[ms1m,null]", "name sources by letters"),
        ("data=[ms1m,3]", "name sources by letters"),
        ("data={3:ms1m}", "name sources by letters"),
        ("data={_x:ms1m}", "name sources by letters"),
        ("data={a:[ms1m]}", "name sources by letters"),
        ("data=[ms1m,folder],ms1m", "sweeps over several sources at a time"),
        ("data=[ms1m,folder],[ms1m,lmdb]", "sweeps over several sources at a time"),
        ("data=[ms1m,../folder]", "name sources by letters"),
    ],
)
def test_choices_that_make_no_sense(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        spelled(word)


def test_own_sources(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "source").mkdir()
    (tmp_path / "data" / "discs.yaml").write_text("defaults: [base, _self_]\nsource:\n  _target_: my.Discs\n")
    line = ["--config-dir", str(tmp_path), "data=[ms1m,discs]"]
    with pytest.raises(
        ConfigError, match=r"put it into source/discs\.yaml, and /source/discs@source into the defaults"
    ):
        spelled(*line)
    (tmp_path / "source" / "discs.yaml").write_text("_target_: my.Discs\n")
    assert spelled(*line)[2] == "+source@data.sources.discs=discs"
    (tmp_path / "data" / "discs.yaml").write_text("defaults:\n  - base\n  - /source/circles@source\n  - _self_\n")
    assert spelled(*line)[2] == "+source@data.sources.discs=circles"
    for broken in ("defaults: [", "5", "defaults: 7", "\xff"):
        (tmp_path / "data" / "discs.yaml").write_text(broken, encoding="latin-1")
        assert spelled(*line)[2] == "+source@data.sources.discs=discs"


def test_a_run_on_two(sets: Path) -> None:
    words = typed(sets, "data.weights.ms1m=0.25", f"data.val_roots.folder={sets / 'val'}", "data.val_identities=0")
    assert "experiment=small" in words
    config = composed("train", [*words, "paths.output=unused"])
    source = open_source(config)
    assert isinstance(source, SeveralFaces) and list(source.parts) == ["ms1m", "folder"] and len(source) == 18 + 15
    module = build(config.data.module, source=source, validation=open_validation(config))
    module.setup()
    assert module.num_classes == 6 and module.mixture.shares == [0.25, 0.75]
    assert module.summary()["validation images of the same identities"] == 2
    assert "25.0% of an epoch" in module.summary()["of ms1m"]
    assert next(iter(module.train_dataloader())).images.shape[1:] == (16, 16, 3)


def test_people_merged_by_name(sets: Path) -> None:
    third = ["data=[ms1m,folder,folder]", f"data.sources.folder_2.root={sets / 'g'}", "data.merge=by_name"]
    config = composed("train", [*typed(sets, *third), "paths.output=unused"])
    source = open_source(config)
    assert list(source.parts) == ["ms1m", "folder", "folder_2"]
    assert sorted(source.label_names.values()) == ["a", "b", "c", "q", "z"] and source.shared == 2
    assert open_validation(config) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.weights.x=1"], r"data\.weights\.x is of no source: there are ms1m, folder"),
        (["data.val_roots.x=."], r"data\.val_roots\.x is of no source: there are ms1m, folder"),
        (["data.weights.ms1m=2"], "leaves nothing for folder"),
        (["data.weights.ms1m=0"], r"data\.weights\.?m?s?1?m?=.*does not fit|positive"),
        (["data.weights.ms1m=yes"], "a positive number for a source"),
        (["data.weights=3"], "data.weights"),
        (["data.merge=together"], r"data\.merge=together does not fit: give apart or by_name"),
        (["data.sources.ms1m.rot=x"], r"there is no key data\.sources\.ms1m\.rot: data\.sources\.ms1m has pack, root"),
        (["data.sources.fodler.root=x"], r"there is no key data\.sources\.fodler: data\.sources has folder, ms1m"),
        (["+data.sources.ms1m.rot=x"], r"data\.sources\.ms1m\.rot does not exist: RecordDataset takes pack, root"),
        (["data.sources.folder.person_level=x"], r"data\.sources\.folder\.person_level=x does not fit"),
        (["+data.sources.x.root=y"], r"data\.sources\.x is of no kind: type data=\{x:folder\}"),
        (["data.root=x"], r"there is no key data\.root"),
        (["data.val_root=x"], r"there is no key data\.val_root"),
    ],
)
def test_values_that_make_no_sense_end_the_run_before_data_is_read(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        typed(Path("/nowhere"), *words)


def test_every_source_needs_its_place() -> None:
    with pytest.raises(ConfigError, match=r"data\.sources\.ms1m\.root must be given: where each source lies"):
        train_arguments(["data=[ms1m,folder]"])
    with pytest.raises(ConfigError, match=r"type data=\[ms1m,folder\]"):
        train_arguments(["data=several"])
    with pytest.raises(ConfigError, match=r"data\.weights is of several sources, and there is one"):
        train_arguments(["data.weights.x=0.5"])
    with pytest.raises(DataError, match="nothing-here does not exist"):
        train_arguments(["data=[ms1m,folder]", "data.sources.ms1m.root=nothing-here", "data.sources.folder.root=."])


def test_a_checkpoint_asks_for_the_same_again(sets: Path) -> None:
    words = typed(sets, "data.weights.ms1m=0.25", f"data.val_roots.folder={sets / 'val'}")
    groups = {"data", "source", "source@data.sources.ms1m", "source@data.sources.folder", "experiment"}
    request = request_of(words, groups)
    again = requested(request, [])
    assert again[:3] == ["data=several", "+source@data.sources.ms1m=pack", "+source@data.sources.folder=folder"]
    one, other = (composed("train", [*each, "paths.output=unused"]) for each in (words, again))
    assert one == other and check(other).data.weights == {"ms1m": 0.25}
    fresh = spelled("data=[folder,ms1m]")
    assert not [word for word in requested(request, fresh) if word.startswith("+source@")]


@pytest.mark.parametrize("key", ["source@logger.x", "source@data.sources._x", "logger@data.sources.x", "data@_global_"])
def test_a_checkpoint_puts_no_choice_elsewhere(key: str) -> None:
    with pytest.raises(CheckpointError, match="not taken from a file"):
        requested({"choices": {key: "pack"}}, [])


def test_sweeps_over_other_keys(sets: Path) -> None:
    words = typed(sets, "-m", "data.weights.ms1m=0.25,0.75", "head=arcface,cosface")
    assert "++data.weights.ms1m=0.25,0.75" in words and "+source@data.sources.ms1m=pack" in words
    with pytest.raises(ConfigError, match=r"job 1 of the sweep, .*leaves nothing for folder"):
        typed(sets, "-m", "data.weights.ms1m=0.25,2")
    assert shlex.join(words)
