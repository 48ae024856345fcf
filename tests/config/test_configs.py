"""Every configuration file composes, is made into what it describes, and is read by something."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mfn.config.build import build, build_all
from mfn.errors import ConfigError, DataError
from mfn.training.assembly import build_callbacks, build_recognizer, build_trainer, model_alone
from mfn.training.checking import check, settled
from mfn.training.recognizer import FaceRecognizer
from tests.composing import CONF, STARTS, choices, composed
from tests.small_run import save_small_checkpoint

LARGE = ("nasnetalarge", "efficientnet_b6", "efficientnet_b7", "inception_resnet_v2", "iresnet100")
PAIRS = ("triplet", "contrastive")
ON_DISK = ("ms1m", "folder", "tfrecord", "webdataset", "lmdb", "parquet")
TINY = ["data.source.num_identities=6", "data.source.images_per_identity=8", "data.batch_size=4"]


@pytest.mark.parametrize("group", ["model", "head", "optimizer", "scheduler", "augment", "data"])
def test_every_choice_is_made_into_what_it_describes(group: str, tmp_path: Path) -> None:
    for choice in choices(group):
        if (group, choice) in (("data", "base"), ("data", "several"), ("model", "timm")) or choice in LARGE:
            continue
        if choice in PAIRS and find_spec("pytorch_metric_learning") is None:
            continue
        config = composed(f"{group}={choice}", *([f"data.root={tmp_path}"] if choice in ON_DISK else []))
        node = config[group].source if group == "data" else config[group]
        if group == "model":
            node = model_alone(config)
        extra = {"embedding_dim": 8, "num_classes": 4} if group == "head" else {}
        if choice in ON_DISK:
            with pytest.raises(DataError, match=str(tmp_path)):
                build(node)
        else:
            assert build(node, **extra) is not None


@pytest.mark.parametrize("experiment", choices("experiment"))
def test_every_experiment_makes_a_recogniser_that_can_train(experiment: str, tmp_path: Path) -> None:
    start: list[str] = []
    if experiment in STARTS:
        small = ["image_size=[32,32]", "model.width=0.25", "model.embedding_dim=32"]
        start = [f"{STARTS[experiment]}={save_small_checkpoint(tmp_path)}", *small]
    config = check(composed(f"experiment={experiment}", *TINY, *start))
    data = build(config.data.module, val_fraction=0.0, val_identities=0.0)
    data.setup()
    recognizer = build_recognizer(config, data)
    assert isinstance(recognizer, FaceRecognizer)
    assert build_callbacks(config)
    assert recognizer.contract.embedding_dim == config.model.embedding_dim


@pytest.mark.parametrize("choice", choices("callbacks"))
def test_every_callback_can_be_chosen(choice: str) -> None:
    assert build_all(composed(f"callbacks=[{choice}]").callbacks)


@pytest.mark.parametrize("choice", choices("logger"))
def test_every_logger_composes_and_says_what_it_lacks(choice: str, tmp_path: Path) -> None:
    config = composed(f"logger=[{choice}]", f"paths.output={tmp_path}")
    (node,) = config.logger.values()
    package = {"wandb": "wandb", "mlflow": "mlflow"}.get(choice)
    if package and find_spec(package) is None:
        with pytest.raises(ConfigError, match=f"(?i){package}"):
            build(node)
    elif package is None:
        assert build(node) is not None


@pytest.mark.parametrize("choice", [*choices("trainer")])
def test_every_trainer_composes(choice: str, tmp_path: Path) -> None:
    config = composed(f"trainer={choice}", f"paths.output={tmp_path}")
    if choice == "gpu":
        assert config.trainer.accelerator == "gpu"
        assert config.trainer.precision == "16-mixed"
    elif choice in ("mps", "ddp_multinode"):  # which need another machine, or several
        with pytest.raises(ConfigError, match=r"trainer\.(accelerator=mps|num_nodes=auto)"):
            build_trainer(settled(config))
    else:
        assert build_trainer(settled(config)).max_epochs == config.trainer.max_epochs


@pytest.mark.parametrize("choice", choices("debug"))
def test_every_debug_choice_composes(choice: str) -> None:
    assert composed(f"debug={choice}").trainer.limit_train_batches < 10


def test_every_key_at_the_top_is_read_by_something() -> None:
    source = "\n".join(file.read_text() for file in [*CONF.parent.glob("mfn/**/*.py"), CONF.parent / "train.py"])
    yaml = "\n".join(file.read_text() for file in CONF.glob("**/*.yaml"))
    keys = set(OmegaConf.load(CONF / "train.yaml")) - {"defaults", "hydra"}
    unread = {k for k in keys if not re.search(rf"config\.{k}\b", source) and not re.search(rf"\${{{k}\b", yaml)}
    assert not unread


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("head.scale=-1", "scale"),
        ("head.margin=9", "margin"),
        ("contract.color=GRB", "RGB or BGR"),
        ("scheduler.warmup=-1", "warmup"),
        ("optimizer.lr=-1", "(?i)learning rate"),
        ("image_size=[4,4]", "at least 16 pixels"),
        ("model.activation=swish", "'prelu', 'relu' or 'relu6'"),
    ],
)
def test_values_that_make_no_sense_are_told_before_data_is_read(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check(composed(override))


def test_a_run_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs the run to end"):
        check(composed("trainer.max_epochs=-1"))


def test_a_missing_root_is_named() -> None:
    with pytest.raises(ConfigError, match=r"data\.root must be given"):
        check(composed("data=ms1m"))


@pytest.mark.parametrize("config", ["evaluate", "train"])
@pytest.mark.parametrize("chosen", ["lfw", "[lfw,cfp_fp,agedb_30]", "[]"])
def test_benchmarks_are_chosen_alike_for_training_and_judging(config: str, chosen: str) -> None:
    names = [name for name in chosen.strip("[]").split(",") if name]
    sets = composed(f"benchmark={chosen}", "benchmark.root=DIR", config=config)
    assert [key for key in sets.benchmark if key not in ("_target_", "root", "allow_missing")] == names
    assert all(sets.benchmark[name].root == "DIR" for name in names)


@pytest.mark.parametrize(
    ("config", "reader"),
    [
        ("evaluate", "commands/evaluate.py commands/judging.py commands/judged_groups.py"),
        ("export", "commands/export.py commands/export_check.py"),
        ("prepare", "prepare/from_config.py"),
        ("prepare_bin", "commands/prepare.py"),
    ],
)
def test_every_key_of_a_command_is_read_by_something(config: str, reader: str) -> None:
    source = "".join((CONF.parent / "mfn" / file).read_text() for file in reader.split())
    keys = set(OmegaConf.load(CONF / f"{config}.yaml")) - {"defaults", "hydra"}
    read = {key for key in keys if re.search(rf"(config|composed)\.{key}\b|[\"']{key}[\"']", source)}
    assert read == keys
