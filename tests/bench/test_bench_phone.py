"""`mfn bench file --phone` with a stand-in for adb, whose phone is a folder."""

import json
import sys
from pathlib import Path

import pytest

from mfn.bench.phone import PLACE, bench_phone
from mfn.commands.bench import main
from mfn.errors import ConfigError, DataError

ADB = """#!{python}
import pathlib, shutil, sys
phone = pathlib.Path({phone!r})
with open(phone / "log", "a") as log: log.write(" ".join(sys.argv[1:]) + "\\n")
if (phone / "unplugged").exists():
    sys.exit("error: no devices/emulators found")
if sys.argv[1] == "push":
    shutil.copy(sys.argv[2], phone / pathlib.PurePosixPath(sys.argv[3]).name)
elif "getprop" in sys.argv[2]:
    print("Pixel 9\\r")
elif "/benchmark_model --graph" in sys.argv[2]:
    print((phone / "benchmark_model").read_text())
    sys.exit(0 if (phone / "net.tflite").read_bytes() == b"network" else "no model")
"""
SAID = """INFO: count=3 first=9 curr=9 min=9 max=9 avg=9 std=0 p5=9 median=9 p95=9
INFO: count=50 first=2000 curr=1600 min=1500 max=2.5e+03 avg=1650.5 std=90 p5=1510 median=1640 p95=2100
INFO: Inference timings in us: Init: 5579, First inference: 2000, Warmup (avg): 9, Inference (avg): 1650.5
"""


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if sys.platform == "win32":
        pytest.skip("the stand-in is a script with #!")
    folder, program = tmp_path / "phone", tmp_path / "bin" / "adb"
    for each in (folder, program.parent):
        each.mkdir()
    program.write_text(ADB.format(python=sys.executable, phone=str(folder)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return folder


def written(folder: Path, said: str = SAID, network: bytes = b"network") -> tuple[Path, Path]:
    (folder / "my face; x.tflite").write_bytes(network)
    (folder / "benchmark_model").write_text(said)
    return folder / "my face; x.tflite", folder / "benchmark_model"


def test_a_file_is_pushed_run_and_removed(phone: Path, tmp_path: Path) -> None:
    file, program = written(tmp_path)
    main(["file", str(file), "--phone", str(program), "--threads", "1,2", "--json", str(tmp_path / "times.json")])
    one, two = json.loads((tmp_path / "times.json").read_text())
    assert one == {"file": str(file), "phone": "Pixel 9", "threads": 1, "mean ms": 1.6505, "min ms": 1.5, "max ms": 2.5}
    assert two["threads"] == 2
    calls = (phone / "log").read_text().splitlines()
    assert f"shell {PLACE}/benchmark_model --graph={PLACE}/net.tflite --num_threads=2 --num_runs=50" in calls
    assert calls[-1] == f"shell rm -rf {PLACE}" and not [c for c in calls if c.startswith("shell") and "face" in c]


def test_what_goes_wrong_on_the_phone_is_told(phone: Path, tmp_path: Path) -> None:
    file, program = written(tmp_path, "hello")
    with pytest.raises(DataError, match=r"said nothing of its times on the phone: is it LiteRT's benchmark_model"):
        bench_phone([file], program, [1], 5)
    file, program = written(tmp_path, network=b"damaged")
    with pytest.raises(DataError, match="adb shell failed on the phone: no model"):
        bench_phone([file], program, [1], 5)
    assert (phone / "log").read_text().splitlines()[-1] == f"shell rm -rf {PLACE}"
    (phone / "unplugged").touch()
    with pytest.raises(DataError, match="no devices/emulators found"):
        bench_phone([file], program, [1], 5)


def test_what_cannot_be_is_told_first(phone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, program = written(tmp_path)
    with pytest.raises(ConfigError, match=r"LiteRT files \(\.tflite\) alone, and net\.onnx is none"):
        bench_phone([Path("net.onnx")], program, [1], 5)
    with pytest.raises(ConfigError, match="nothing does not exist"):
        bench_phone([file], Path("nothing"), [1], 5)
    with pytest.raises(SystemExit):
        main(["file", str(file), "--phone", str(program), "--batch", "8"])
    assert not (phone / "log").exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="--phone needs adb on PATH"):
        bench_phone([file], program, [1], 5)
