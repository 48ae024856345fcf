"""Keys that were called otherwise before."""

from pathlib import Path

import pytest

from mfn.commands.launch import plain_arguments, train_arguments
from mfn.config.compose import composed
from mfn.config.renamed import RENAMED, renamed
from mfn.config.request import requested
from tests.scripts import TINY, run_script


@pytest.mark.parametrize(("command", "old"), [(command, old) for command, keys in RENAMED.items() for old in keys])
def test_an_old_key_is_no_key_any_more_and_its_new_one_is(command: str, old: str) -> None:
    config = composed(command, ["paths.output=unused"])
    assert RENAMED[command][old] in set(config) and old not in set(config)


def test_only_keys_are_renamed_wherever_they_stand() -> None:
    words = ["init_from=a=b", "++init_from=x", "~init_from", "head=init_from", "data.init_from=1", "init_from_x=1"]
    assert renamed("train", words) == ["model_path=a=b", "++model_path=x", "~model_path", *words[3:]]
    assert renamed("evaluate", ["init_from=1", "probe_pairs=2"]) == ["init_from=1", "check_contract_pairs=2"]


def test_the_old_spelling_works_with_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    assert "model_path='~/a b.ckpt'" in train_arguments([*TINY, "init_from='~/a b.ckpt'"])
    assert "model_path=x.ckpt,y.ckpt" in plain_arguments(["-m", "ckpt_path=x.ckpt,y.ckpt"], "export")
    assert "probe" not in " ".join(plain_arguments(["model_path=x", "probe=true"], "evaluate"))
    assert [record.getMessage() for record in caplog.records] == [
        f"{old} is called {now} now; both work"
        for old, now in (("init_from", "model_path"), ("ckpt_path", "model_path"), ("probe", "check_contract"))
    ]


def test_what_an_older_checkpoint_asked_for_is_understood() -> None:
    assert requested({"values": {"init_from": "a.ckpt", "seed": 3}}, []) == [
        "model_path=a.ckpt",
        "seed=3",
    ] or requested({"values": {"init_from": "a.ckpt", "seed": 3}}, []) == ['model_path="a.ckpt"', "seed=3"]


@pytest.mark.slow
def test_a_run_starts_from_weights_by_either_name(tmp_path: Path) -> None:
    run_script("train", *TINY, "trainer.max_epochs=1", "hydra.run.dir=first", cwd=tmp_path)
    for key in ("init_from", "model_path"):
        done = run_script(
            "train",
            *TINY,
            "trainer.max_steps=1",
            f"{key}=first/checkpoints/last.ckpt",
            "hydra.run.dir=" + key,
            cwd=tmp_path,
        )
        assert "Weights from first/checkpoints/last.ckpt" in done.output
        assert ("init_from is called model_path now" in done.output) == (key == "init_from")
