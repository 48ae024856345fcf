import cv2
import numpy as np
import pytest
import torch

from mfn.bench.data import bench_data


@pytest.fixture(autouse=True)
def restore_threads():
    threads = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])


@pytest.mark.slow
def test_rows_are_complete() -> None:
    rows = bench_data(images=300, rounds=1)
    names = [row["what"] for row in rows]
    assert names[:4] == [
        "records read",
        "images read and decoded",
        "whole loader, per worker",
        "PIL + torchvision transforms",
    ]
    assert "bare decoder, OpenCV" in names
    for row in rows[:-1]:
        assert float(row["per_second"]) > 0
    assert max(float(row["to_bare_decoder"]) for row in rows if "bare" in str(row["what"])) == 1
    assert rows[3]["to_usual_path"] == 1
    assert np.isnan(rows[-1]["megabytes"]) or abs(float(rows[-1]["megabytes"])) < 200
