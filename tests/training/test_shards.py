"""Runs on tar shards, from a disk and from a server: what they learn is what a run on the pack learns."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.checkpoint.format import weights_hash
from mfn.data.datamodule import FaceDataModule
from mfn.packs.pack_writer import PackWriter
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.shard_dataset import ShardDataset
from mfn.sources.source import FaceSource
from mfn.synthetic.dataset import SyntheticFaces
from tests.scripts import TINY, Done, run_script
from tests.small_run import small_recognizer, small_trainer
from tests.sources.sharded import serving, shards_of
from tests.training.test_resume import KeepAll

pytest.importorskip("webdataset", reason="the WebDataset library is not installed")
SIZE = (32, 32)
SHORT = [*(word for word in TINY if not word.startswith("data.source")), "hydra.run.dir=run", "trainer.max_epochs=1"]


@pytest.fixture
def pack(tmp_path: Path) -> RecordDataset:
    """84 images of 12 people."""
    faces = SyntheticFaces(12, 7, SIZE, 0)
    with PackWriter(tmp_path / "pack", SIZE) as writer:
        for index, label in enumerate(faces.labels.tolist()):
            pixels = cv2.cvtColor(faces.image(index), cv2.COLOR_RGB2BGR)
            writer.add(label, cv2.imencode(".jpg", pixels)[1].tobytes())
    return RecordDataset(tmp_path / "pack")


@pytest.fixture
def shards(pack: RecordDataset, tmp_path: Path) -> Path:
    """Uneven ones: 11 images each, and 7 in the last."""
    return shards_of(pack, tmp_path / "web" / "set", 11)


def epoch(source: FaceSource, rank: int = 0, world_size: int = 1, **options: object) -> list[tuple[list[int], bytes]]:
    """Positions and pixels of each batch of the second epoch."""
    options = {"val_identities": 0.25, "drop_last": False} | options
    data = FaceDataModule(source, image_size=SIZE, batch_size=8, **options)  # type: ignore[arg-type]
    data.__class__ = type("Ranked", (FaceDataModule,), {"_process": {"rank": rank, "world_size": world_size}})
    loader = data.train_dataloader()
    loader.set_epoch(1)
    return [(batch.indices.tolist(), batch.images.numpy().tobytes()) for batch in loader]


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("drop_last", [True, False])
def test_the_same_batches_as_from_the_pack(
    pack: RecordDataset, shards: Path, world_size: int, workers: int, drop_last: bool
) -> None:
    faces = ShardDataset(shards)
    for rank in range(world_size):
        share = {"rank": rank, "world_size": world_size, "drop_last": drop_last}
        assert epoch(faces, **share, num_workers=workers) == epoch(pack, **share)  # type: ignore[arg-type]


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("open_shards", [1, 3, 16])
def test_a_stream_gives_the_same_images_as_the_pack(
    pack: RecordDataset, shards: Path, tmp_path: Path, world_size: int, workers: int, open_shards: int
) -> None:
    size = max(path.stat().st_size for path in shards.glob("*.tar"))
    pictures = {index: pack.image(index).tobytes() for index in range(len(pack))}
    with serving(tmp_path / "web") as server:
        room = (open_shards + 2) * size / 1e9
        far = ShardDataset(f"{server.url}/set", open_shards=open_shards, cache=tmp_path / "cache", cache_gb=room)
        seen: list[int] = []
        for rank in range(world_size):
            share = {"rank": rank, "world_size": world_size}
            batches = epoch(far, **share, num_workers=workers)  # type: ignore[arg-type]
            assert batches == epoch(ShardDataset(shards, open_shards=open_shards), **share)  # type: ignore[arg-type]
            for indices, pixels in batches:
                assert pixels == b"".join(pictures[index] for index in indices)
                seen += indices
        expected = [index for rank in range(world_size) for each, _ in epoch(pack, rank, world_size) for index in each]
        assert len(seen) == len(expected) and set(seen) == set(expected)
        assert world_size > 1 or sorted(seen) == sorted(expected)
        kept = [path.stat().st_size for path in (tmp_path / "cache").glob("mfn-*.tar")]
        assert sum(kept) <= room * 1e9


def test_what_is_judged_on_is_fetched_alone_and_once(shards: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "web") as server:
        far = ShardDataset(f"{server.url}/set", cache=tmp_path / "cache")
        data = FaceDataModule(far, image_size=SIZE, batch_size=8, val_identities=0.25)
        data.setup()
        asked = [part for _, _, part in server.asked if part]
        assert len(asked) == len(set(zip(asked, (path for _, path, part in server.asked if part), strict=True))) > 20
        for _ in range(2):
            (loader,) = data.val_dataloader()
            assert sum(len(batch.indices) for batch in loader) == 21
        assert not server.whole() and asked == [part for _, _, part in server.asked if part]


def test_going_on_in_another_order_is_refused(shards: Path, tmp_path: Path) -> None:
    def state(folder: Path, **options: int) -> FaceDataModule:
        data = FaceDataModule(ShardDataset(folder, **options), image_size=SIZE, batch_size=8, val_identities=0.25)
        data.train_dataloader()
        return data

    taken = state(shards, open_shards=3).state_dict() | {"epoch": 0, "samples": 8}
    state(shards, open_shards=3).load_state_dict(taken)
    recut = shards_of(ShardDataset(shards), tmp_path / "recut", 5)
    for other in (state(shards), state(shards, open_shards=2), state(recut, open_shards=3)):
        with pytest.raises(Exception, match=r"in another order, by data\.weights, data\.open_shards"):
            other.load_state_dict(taken)
    state(recut).load_state_dict(state(shards).state_dict() | {"epoch": 0, "samples": 8})


@pytest.mark.slow
@pytest.mark.parametrize("open_shards", [None, 3])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stopped_run_goes_on_to_the_same_weights(
    shards: Path, tmp_path: Path, open_shards: int | None, workers: int
) -> None:
    def run(folder: Path, go_on: Path | None = None) -> str:
        faces = ShardDataset(shards, open_shards=open_shards)
        data = FaceDataModule(faces, image_size=SIZE, batch_size=8, val_identities=0.25, num_workers=workers)
        data.setup()
        recognizer = small_recognizer(data)
        trainer = small_trainer([KeepAll(folder)], folder)
        trainer.fit(recognizer, datamodule=data, ckpt_path=go_on, weights_only=True)
        assert trainer.global_step == 14
        return weights_hash(recognizer.state_dict())

    whole = run(tmp_path / "whole")
    assert run(tmp_path / "again", tmp_path / "whole" / "step10.ckpt") == whole  # in the middle of the second epoch


def train(here: Path, *words: str, status: int = 0) -> Done:
    done = run_script("train", *SHORT, *words, cwd=here, status=status)
    assert "Traceback" not in done.output
    return done


def weights(here: Path) -> str:
    return json.loads((here / "run" / "summary.json").read_text())["last_weights"]


@pytest.mark.slow
def test_a_run_on_shards_is_the_run_on_their_pack(pack: RecordDataset, shards: Path, tmp_path: Path) -> None:
    train(tmp_path, "data=ms1m", f"data.root={tmp_path / 'pack'}", "data.val_identities=0.25")
    from_pack = weights(tmp_path)
    shutil.rmtree(tmp_path / "run")
    done = train(tmp_path, "data=webdataset", f"data.root={shards}", "data.val_identities=0.25")
    assert weights(tmp_path) == from_pack and "passed over" not in done.output


@pytest.mark.slow
def test_a_run_from_a_server_by_two_processes(shards: Path, tmp_path: Path) -> None:
    size = max(path.stat().st_size for path in shards.glob("*.tar"))
    words = [
        *("data=webdataset", "data.val_identities=0.25", f"data.cache={tmp_path / 'cache'}", "data.open_shards=2"),
        *(f"data.cache_gb={4 * size / 1e9}", "data.batch_size=4", "trainer.devices=2", "trainer.strategy=ddp"),
    ]
    with serving(tmp_path / "web") as server:
        train(tmp_path, *words, f"data.root={server.url}/set")
        assert json.loads((tmp_path / "run" / "summary.json").read_text())["steps"] == 7
        shutil.rmtree(tmp_path / "run")
        shutil.rmtree(tmp_path / "cache")
        server.missing = {"set/shard-000004.tar"}
        one = [word for word in words if not word.startswith("trainer.")]
        done = train(tmp_path, *one, f"data.root={server.url}/set", status=1)
        assert "shard-000004.tar is missing" in done.last_line and done.output.count("error:") == 1


@pytest.mark.slow
def test_what_is_wrong_with_shards_is_told_before_training(shards: Path, tmp_path: Path) -> None:
    (shards / "index.json").unlink()
    (shards / "samples.npz").unlink()
    path = shards / "shard-000003.tar"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 - 300])
    done = train(tmp_path, "data=webdataset", f"data.root={shards}", "data.val_identities=0.25")
    assert "shards that are damaged or cut short" in done.output
    assert "shard-000003.tar" in (tmp_path / "run" / "passed_over.csv").read_text()
    for words, sentence in (
        (["data.root=pipe:touch x"], "commands are never run"),
        ([f"data.root={tmp_path / 'nowhere'}"], "does not exist"),
        ([f"data.root={shards}", "data.open_shards=0"], "data.open_shards=0 does not fit"),
        ([f"data.root={shards}", "data.cache_gb=0"], "data.cache_gb=0 does not fit"),
        ([f"data.root={shards}", "data.open_shards=2", "data.per_identity=2"], "needs all images of a person"),
    ):
        done = train(tmp_path, "data=webdataset", *words, status=1)
        assert sentence in done.last_line


def test_pixels_are_those_of_the_pack(pack: RecordDataset, shards: Path) -> None:
    faces = ShardDataset(shards)
    assert all(np.array_equal(faces.image(index), pack.image(index)) for index in range(len(pack)))
