import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.multiprocessing.spawn import spawn

from mfn.metrics.gathered import GatheredEmbeddings

EMBEDDINGS = torch.randn(11, 4, generator=torch.manual_seed(0))


def test_batches_in_any_order_add_up_to_the_whole() -> None:
    gathered = GatheredEmbeddings()
    for part in torch.randperm(11).split(4):
        gathered.update(part, EMBEDDINGS[part])
    positions, rows, seen = gathered.compute()
    assert (positions == np.arange(11)).all()
    assert (rows == EMBEDDINGS.numpy()).all()
    assert seen == 11


def test_broken_images_are_seen_and_have_no_row_and_reset_forgets() -> None:
    gathered = GatheredEmbeddings()
    gathered.update(torch.tensor([7]), EMBEDDINGS[7:8])
    gathered.reset()
    gathered.update(torch.tensor([3, 1]), EMBEDDINGS[[3, 1]], broken=2)
    positions, rows, seen = gathered.compute()
    assert positions.tolist() == [1, 3]
    assert (rows == EMBEDDINGS[[1, 3]].numpy()).all()
    assert seen == 4


def share(rank: int, ranks: int, folder: Path) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1"}
    torch.distributed.init_process_group("gloo", init_method=(folder / "meet").as_uri(), rank=rank, world_size=ranks)
    gathered = GatheredEmbeddings()
    mine = torch.arange(rank, 12, ranks) % 11  # the first image again where the share is not even
    if rank == 1:  # nothing of its share can be decoded
        gathered.update(mine[:0], EMBEDDINGS[:0], broken=len(mine))
    else:
        for part in mine.split(2):
            gathered.update(part, EMBEDDINGS[part])
    torch.save(gathered.compute(), folder / f"{rank}.pt")


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 3])
def test_every_process_has_what_all_have_seen(ranks: int, tmp_path: Path) -> None:
    spawn(share, (ranks, tmp_path), nprocs=ranks)
    expected = [index for index in range(11) if index % ranks != 1]
    for rank in range(ranks):
        positions, rows, seen = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        assert positions.tolist() == expected
        assert (rows == EMBEDDINGS[expected].numpy()).all()
        assert seen == 12
