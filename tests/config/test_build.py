"""What may be made of a configuration, and with which values."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mfn.config.arguments import literal
from mfn.config.build import OURS, build, targets_in, trust
from mfn.errors import ConfigError
from mfn.heads.arcface import ArcFaceHead
from tests.composing import CONF, composed

HEAD = {"embedding_dim": 4, "num_classes": 3}


@pytest.fixture(autouse=True)
def nobody_named_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfn.config.build._named", set())


def test_values_become_what_the_parameters_want() -> None:
    head = build(composed("head.scale=32", "head.easy=no", "head.margin=0.5").head, **HEAD)
    assert isinstance(head, ArcFaceHead)
    assert (head.scale, head.easy, head.margin) == (32.0, False, 0.5)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("head.scale=abc", r"head\.scale=abc does not fit: input should be a valid number"),
        ("+head.skale=3", r"head\.skale does not exist: ArcFaceHead takes easy, .*margin, .*scale"),
        ("head.easy=banana", r"head\.easy=banana does not fit"),
        ("head.scale=nan", r"head\.scale=nan is no number to work with"),
        ("head.scale=inf", r"head\.scale=inf is no number to work with"),
        ("head.warmup_unit=7", r"head\.warmup_unit"),
        ("head.margin=[1]", r"head\.margin=\[1\] does not fit"),
        ("head._target_=os.system", r"head would make 'os\.system': only parts of mfn, torch\.optim, lightning"),
        ("head._target_=mfn.heads.arcface.Nothing", r"head: mfn\.heads\.arcface\.Nothing cannot be found"),
        ("head._target_=7", "would make 7"),
    ],
)
def test_what_does_not_fit_is_told_by_its_key(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build(composed(override).head, **HEAD)


@pytest.mark.parametrize("group", ["model", "optimizer", "scheduler", "augment"])
def test_every_group_has_its_values_checked(group: str) -> None:
    name = {"model": "dropout", "optimizer": "lr", "scheduler": "warmup", "augment": "p"}[group]
    with pytest.raises(ConfigError, match=rf"{group}\.{name}=abc does not fit"):
        build(composed(f"{group}.{name}=abc")[group])


@pytest.mark.parametrize(
    "target", ["os.system", "builtins.eval", "subprocess.run", "torch.load", "pathlib.Path", "mfnevil.x", "hydra.main"]
)
def test_a_target_that_nobody_named_is_not_called(target: str, tmp_path: Path) -> None:
    evil = OmegaConf.create({"_target_": target, "_args_": [f"touch {tmp_path / 'sprung'}"]})
    good = OmegaConf.create({"_target_": "mfn.data.augment.Augmentation", "transforms": [evil]})
    for node in (evil, good):
        with pytest.raises(ConfigError, match="would make"):
            build(node)
    assert not (tmp_path / "sprung").exists()


def test_what_the_user_names_may_be_made(tmp_path: Path) -> None:
    node = OmegaConf.create({"_target_": "fractions.Fraction", "numerator": 3})
    with pytest.raises(ConfigError, match="would make"):
        build(node)
    trust(["+part._target_=fractions.Fraction"], None)
    assert build(node).numerator == 3
    with pytest.raises(ConfigError, match="would make"):
        build(OmegaConf.create({"_target_": "decimal.Decimal"}))
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "mine.yaml").write_text("_target_: decimal.Decimal\n")
    trust([], str(tmp_path))
    assert build(OmegaConf.create({"_target_": "decimal.Decimal"})) == 0


def test_our_own_configuration_names_nothing_else() -> None:
    hydras = "hydra_plugins."  # which Hydra makes itself, and of a plugin alone
    assert [target for target in targets_in(CONF) if not target.startswith((*OURS, hydras))] == []


def test_given_objects_are_handed_on_and_not_copied() -> None:
    given = object()
    module = OmegaConf.create(
        {"_target_": "mfn.data.datamodule.FaceDataModule", "source": {"_target_": "os.system"}, "num_workers": 0}
    )
    assert build(module, source=given).source is given


@pytest.mark.parametrize("name", ["${x}", "a${oc.env:HOME}b", "\\${x}", "${", "$x"])
def test_a_text_is_itself_and_refers_to_nothing(name: str, tmp_path: Path) -> None:
    target = "mfn.training.callbacks.last_checkpoint.LastCheckpoint"
    node = OmegaConf.create({"kept": literal({"_target_": target, "folder": str(tmp_path / name), "every_n_steps": 1})})
    assert build(node.kept).path.parent == tmp_path / name
