"""SIGTERM at moments when a server does not yet handle it itself."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from mfn.commands import demo, serve
from tests.export.networks import small_checkpoint


def told_to_end(*words: Any, **more: Any) -> None:
    if base := os.environ.get("GRADIO_TEMP_DIR"):
        assert Path(base).is_dir()  # what is to be gone behind it
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("moment", ["loading", "serving"])
@pytest.mark.parametrize(("module", "needs"), [(serve, "fastapi"), (demo, "gradio")])
def test_a_server_that_is_told_to_end_before_it_serves(
    module: Any, needs: str, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(needs)
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    if moment == "loading":
        monkeypatch.setattr(module, "embedder_of", told_to_end)
    else:
        monkeypatch.setattr("mfn.serving.server.serve", told_to_end)
    before = signal.getsignal(signal.SIGTERM)
    words = ["--model", str(small_checkpoint(tmp_path)), "--aligned", "--threshold", "0.9", "--port", "0"]
    with pytest.raises(SystemExit) as ended:
        module.main(words)
    assert ended.value.code == 0
    assert signal.getsignal(signal.SIGTERM) is before
    assert not [path for path in (tmp_path / "home").rglob("*") if "photos" in path.name]
