"""`mfn bench file` on files of ours, of strangers and broken ones."""

import json
from pathlib import Path

import pytest

from mfn.bench.file import as_json, bench_file
from mfn.commands.bench import main
from mfn.errors import CheckpointError, ConfigError
from tests.export.networks import small_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def foreign(path: Path, sides: tuple[int | str, int | str]) -> Path:
    """An ONNX file without a contract: the mean colour as an embedding."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    values = [helper.make_tensor_value_info(n, kind, s) for n, s in (("x", ["N", 3, *sides]), ("y", ["N", 3]))]
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_each_file_with_each_number_of_threads_and_images(tmp_path: Path) -> None:
    files = [small_checkpoint(tmp_path), foreign(tmp_path / "größe 1.onnx", (40, 32))]
    found = bench_file([*files, files[0]], [1, 2], [1, 3], rounds=4, size=None, trust=False)
    assert [(Path(f.file), f.threads, f.batch) for f in found] == [
        (file, threads, batch) for threads in (1, 2) for batch in (1, 3) for file in files
    ]
    assert {f.runtime.split()[0] for f in found} == {"PyTorch", "ONNX"}
    told = as_json(found)
    assert told["machine"]["processor"] and told["machine"]["cores"] >= 1
    first = told["rows"][0]
    assert len(first["samples_ms"]) == 4 and min(first["samples_ms"]) <= first["median_ms"] <= max(first["samples_ms"])
    assert first["bytes"] == files[0].stat().st_size and first["ratio_to_first"] == 1


def test_a_file_of_open_size_needs_one(tmp_path: Path) -> None:
    file = foreign(tmp_path / "open.onnx", ("H", "W"))
    with pytest.raises(ConfigError, match="--size HEIGHTxWIDTH, as 112x112"):
        bench_file([file], [1], [1], 1, None, False)
    assert len(bench_file([file], [1], [1], 1, (112, 112), False)) == 1, "what the sentence says works"


def test_broken_files_are_passed_over_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = foreign(tmp_path / "good.onnx", (8, 8)), tmp_path / "bad.onnx"
    bad.write_bytes(b"no network")
    found = bench_file([bad, good, tmp_path / "none.tflite"], [1], [1], 1, None, False)
    assert [Path(f.file) for f in found] == [good]
    assert [
        record.message for record in caplog.records if "passed over" in record.message and "bad.onnx" in record.message
    ]
    with pytest.raises(CheckpointError, match=r"bad\.onnx cannot be run as ONNX"):
        bench_file([bad], [1], [1], 1, None, False)
    (tmp_path / "program.pt").write_bytes(b"x")
    with pytest.raises(CheckpointError):
        bench_file([tmp_path / "program.pt"], [1], [1], 1, None, False)


def test_the_command_writes_what_it_shows(tmp_path: Path) -> None:
    file = foreign(tmp_path / "net.onnx", (8, 8))
    told = tmp_path / "times.json"
    main(["file", str(file), "--rounds", "2", "--json", str(told)])
    assert json.loads(told.read_text())["rows"][0]["file"] == str(file)
    main(["file", str(file), "--rounds", "3", "--json", str(told)])
    assert len(json.loads(told.read_text())["rows"][0]["samples_ms"]) == 3
    for words in (["--batch", "0"], ["--size", "112"], ["--threads", "x"]):
        with pytest.raises(SystemExit):
            main(["file", str(file), *words])
