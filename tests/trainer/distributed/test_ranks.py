"""Shares of ranks: every item belongs to one rank; one process needs no communication."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.distributed.ranks import (
    Ranks,
    all_gather_rows,
    all_reduce_loss,
    all_reduce_rows,
    split_evenly,
)


@given(st.integers(0, 200), st.integers(1, 17))
def test_every_item_belongs_to_one_rank(count: int, world: int) -> None:
    parts = [Ranks(rank, world).part(count) for rank in range(world)]
    assert [item for part in parts for item in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    sizes = split_evenly(count, world)
    assert sum(sizes) == count
    assert sorted(sizes, reverse=True) == sizes
    assert sorted(sizes) == sorted(map(len, parts))


def test_the_share_of_another_rank() -> None:
    assert Ranks(0, 3).part(7, rank=2) == Ranks(2, 3).part(7)


def test_one_process_gathers_its_own_rows_with_their_gradient() -> None:
    ranks = Ranks()
    rows = torch.arange(6.0).reshape(3, 2).requires_grad_()
    gathered = all_gather_rows(rows, [3], ranks)
    loss = all_reduce_loss((all_reduce_rows(gathered, ranks) ** 2).sum(), ranks)
    loss.backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    assert torch.equal(rows.grad, 2 * rows.detach())
    assert torch.equal(ranks.all_reduce_max(gathered), gathered)
    assert torch.equal(ranks.all_reduce_sum(gathered), gathered)
    ranks.barrier()
