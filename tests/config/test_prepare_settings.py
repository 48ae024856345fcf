"""Every key of conf/prepare*.yaml: wrong types and ranges end in one sentence that names it."""

from pathlib import Path

import pytest
from omegaconf import DictConfig

from mfn.config.compose import composed
from mfn.config.prepare import PrepareBinSettings, PreparePairsSettings, PrepareSettings, idle_overrides
from mfn.config.prepare_shards import PrepareShardsSettings
from mfn.config.settings import Settings, checked
from mfn.errors import ConfigError

GIVEN: dict[str, tuple[type[Settings], list[str]]] = {
    "prepare": (PrepareSettings, ["source.root=in", "output=out"]),
    "prepare_bin": (PrepareBinSettings, ["output=out.bin"]),
    "prepare_pairs": (PreparePairsSettings, ["root=in", "output=out"]),
    "prepare_shards": (PrepareShardsSettings, ["source.root=in", "output=out"]),
}


def typed(*overrides: str, config: str = "prepare") -> DictConfig:
    declared, given = GIVEN[config]
    return checked(composed(config, [*given, *overrides]), declared)


@pytest.mark.parametrize("config", GIVEN)
def test_the_defaults_are_right(config: str) -> None:
    assert typed(config=config).output.startswith("out")


@pytest.mark.parametrize("choice", ["source=folder", "source=pack", "source=tfrecord", "source=list",
                                    "source=webdataset", "detector=mtcnn",
                                    "detector=yunet", "detector=file", "balance=none", "balance=keras_hsv",
                                    "balance=keras_opening"])  # fmt: skip
def test_every_choice_is_right(choice: str) -> None:
    missing = {"source=list": ["source.path=x"], "detector=file": ["detector.path=x"]}
    typed(choice, *missing.get(choice, []), *(["detector.model_path=x"] if choice == "detector=yunet" else []))


@pytest.mark.parametrize(
    "override",
    [
        "seed=-1", "seed=abc", "seed=null", "image_size=112", "image_size=[112]", "image_size=[4,4]", "quality=0",
        "quality=101", "quality=high", "max_broken=2", "max_broken=null", "steps=align", "steps=[align,clear]",
        "steps=null", "align.several=all", "align.missing=maybe", "clean.min_face=-1", "clean.min_blur=nan",
        "clean.grey=maybe", "clean.duplicate_distance=16", "clean.shared=7", "model_path=", "suspects.list_below=2",
        "suspects.drop_below=x", "suspects.merge_above=-2", "split.val_fraction=1", "split.held_out_identities=-0.1",
        "split.held_out_identities=true", "pairs=-1", "format=zip", "materialise=maybe", "index=json",
        "executor=slurm", "workers=-1", "workers=many", "workers=1.5", "ray_address=5", "overwrite=maybe",
        "keep_work=null", "output=", "output=null", "source.root=", "source.root=null", "source.virtual_copies=maybe",
        "detector.min_face=0", "detector.thresholds=[1,2]", "detector.thresholds=0.5", "detector.factor=1",
        "detector.max_side=3", "detector.batch_size=0", "detector.device=null", "balance.min_images=0",
        "balance.max_images=few", "balance.bands=3",
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_told_by_their_key(override: str) -> None:
    key, _, value = override.partition("=")
    with pytest.raises(ConfigError, match=f"{key}=.* does not fit: give ") as caught:
        typed(override)
    assert f"{key}={value}" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "override"),
    [
        ("prepare_bin", "benchmark.root="),
        ("prepare_bin", "benchmark.allow_missing=7"),
        ("prepare_bin", "overwrite=maybe"),
        ("prepare_pairs", "root="),
        ("prepare_pairs", "sampling=all"),
        ("prepare_pairs", "folds=1"),
        ("prepare_pairs", "pairs_per_fold=3"),
        ("prepare_pairs", "num_person=1"),
        ("prepare_pairs", "num_sample=null"),
        ("prepare_pairs", "seed=x"),
        ("prepare_shards", "shard_mb=0"),
        ("prepare_shards", "shard_mb=null"),
        ("prepare_shards", "shard_samples=0"),
        ("prepare_shards", "shuffle=maybe"),
        ("prepare_shards", "seed=-1"),
        ("prepare_shards", "label=txt"),
        ("prepare_shards", "overwrite=7"),
        ("prepare_shards", "source.root="),
    ],
)
def test_those_of_the_other_steps_too(config: str, override: str) -> None:
    with pytest.raises(ConfigError, match=f"{override.partition('=')[0]}=.* does not fit: give "):
        typed(override, config=config)


@pytest.mark.parametrize("override", ["balance.bands=[{abov:1,upto:2}]", "balance.bands=[{above:-1,upto:2}]"])
def test_bands_are_looked_into(override: str) -> None:
    with pytest.raises(ConfigError, match=r"balance\.bands=.* does not fit: give a list such as \[\{above:90"):
        typed(override)


def test_a_key_that_nothing_reads_is_told() -> None:
    with pytest.raises(ConfigError, match=r"nothing goes by clean\.more; nothing goes by more"):
        typed("+clean.more=1", "+more=2")
    with pytest.raises(ConfigError, match=r"there is no key sed: the configuration has align"):
        typed("sed=1")


@pytest.mark.parametrize(
    ("config", "missing"), [("prepare", "source.root"), ("prepare_pairs", "root"), ("prepare_shards", "source.root")]
)
def test_what_must_be_given_is_named(config: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=f"^{missing} must be given: .* as in {missing}=DIR"):
        checked(composed(config, ["output=x"]), GIVEN[config][0])


def test_paths_below_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config = typed("source.root='~/faces'", "output='~/\\${x}'", "model_path='~/y1.npz'")
    assert config.source.root == f"{tmp_path}/faces" and config.model_path == f"{tmp_path}/y1.npz"
    assert config.output == f"{tmp_path}/${{x}}"
    file = typed("detector=file", "detector.path='~/points.tsv'").detector.path
    assert file == f"{tmp_path}/points.tsv" and typed("output='~no_such_user/x'").output == "~no_such_user/x"
    assert typed("benchmark.root='~/lfw'", config="prepare_bin").benchmark.root == f"{tmp_path}/lfw"


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["clean.grey=true", "steps=[align]"], r"clean.grey=true has no effect: steps=\[align\] leaves clean out"),
        (["balance=keras_hsv", "steps=[]"], r"balance=keras_hsv has no effect: steps=\[\] leaves balance out"),
        (["suspects.drop_below=0.1"], "suspects.drop_below=0.1 has no effect without model_path=FILE"),
        (["pairs=10"], "pairs=10 has no effect without split.held_out_identities"),
        (["ray_address=auto"], "ray_address=auto has no effect without executor=ray"),
        (["clean.grey=true", "balance.min_images=2", "seed=4", "quality=90", "image_size=[112,96]"], None),
        (["pairs=10", "split.held_out_identities=0.1"], None),
    ],
)
def test_what_changes_nothing_is_told(overrides: list[str], sentence: str | None) -> None:
    told = list(idle_overrides(overrides, typed(*overrides)))
    assert told == [] if sentence is None else len(told) == 1
    if sentence is not None:
        with pytest.raises(ConfigError, match=sentence):
            raise ConfigError(told[0])
