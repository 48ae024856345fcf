import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mfn.checkpoint.format import read_checkpoint
from mfn.commands.main import main
from mfn.errors import CheckpointError
from mfn.inference.embedder import FaceEmbedder
from mfn.models.layer_order import import_layer_order
from mfn.models.mobilefacenet import MobileFaceNet


@pytest.fixture
def foreign(tmp_path: Path) -> tuple[Path, MobileFaceNet]:
    """A network with a BN epsilon of its own, written as weights in layer order."""
    torch.manual_seed(0)
    network = MobileFaceNet(bn_eps=1e-3)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.01, 2.0)
    arrays = {k: v.numpy() for k, v in network.state_dict().items() if "num_batches" not in k}
    np.savez(tmp_path / "net.npz", **arrays)
    about = {"input": "112x112 RGB, (x-127.5)/128", "bn_eps": 1e-3, "last_bn_eps": 1e-3}
    (tmp_path / "net.json").write_text(json.dumps(about))
    return tmp_path / "net.npz", network.eval()


def test_imported_checkpoint_computes_the_same_with_its_own_normalisation(
    foreign: tuple[Path, MobileFaceNet], tmp_path: Path
) -> None:
    path, network = foreign
    main(["import", str(path), "--output", str(tmp_path / "net.ckpt")])
    embedder = FaceEmbedder.load(tmp_path / "net.ckpt")
    faces = torch.randint(0, 256, (2, 112, 112, 3), dtype=torch.uint8)
    with torch.no_grad():
        expected = network(((faces.float() - 127.5) / 128).permute(0, 3, 1, 2))
    torch.testing.assert_close(embedder.raw(faces), expected, atol=1e-4, rtol=1e-4)
    assert read_checkpoint(tmp_path / "net.ckpt")["mfn"]["label_map"] == []


def test_arrays_of_another_network_are_refused(foreign: tuple[Path, MobileFaceNet]) -> None:
    path, _ = foreign
    with np.load(path) as file:
        arrays = dict(file)
    name = next(iter(arrays))
    np.savez(path, **(arrays | {name: arrays[name][:32]}))
    with pytest.raises(CheckpointError, match=r"conv1\.conv\.weight has shape \(32"):
        import_layer_order(path)
    np.savez(path, **{k: arrays[k] for k in list(arrays)[:-1]})
    with pytest.raises(CheckpointError, match="282 arrays"):
        import_layer_order(path)


def test_a_missing_description_is_told(foreign: tuple[Path, MobileFaceNet]) -> None:
    path, _ = foreign
    path.with_suffix(".json").write_text('{"input": "whatever"}')
    with pytest.raises(CheckpointError, match="must read like"):
        import_layer_order(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"net\.json"):
        import_layer_order(path)


def test_unknown_files_end_with_one_sentence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "weights.h5").write_bytes(b"HDF")
    with pytest.raises(SystemExit) as stop:
        main(["import", str(tmp_path / "weights.h5"), "--output", str(tmp_path / "out.ckpt")])
    assert stop.value.code == 1
    assert "expected a file that ends in .onnx, " in caplog.text
    assert not (tmp_path / "out.ckpt").exists()


def test_an_import_replaces_nothing_but_an_import(
    foreign: tuple[Path, MobileFaceNet], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, _ = foreign
    made = tmp_path / "net.ckpt"
    main(["import", str(path), "--output", str(made)])
    main(["import", str(path), "--output", str(made)])
    trained, photo = tmp_path / "trained.ckpt", tmp_path / "photo.jpg"
    content = read_checkpoint(made)
    content["mfn"]["config"] = "seed: 0"  # as a run writes it
    torch.save(content, trained)
    photo.write_bytes(b"mine")
    for taken in (trained, photo, path, path.with_suffix(".json")):
        before = taken.read_bytes()
        with pytest.raises(SystemExit):
            main(["import", str(path), "--output", str(taken)])
        assert f"{taken} is there already, and mfn did not write it" in caplog.text
        assert taken.read_bytes() == before
