"""The processes of one run, and sums over them that gradients can pass.

Every rank computes the same loss, the mean over the global batch, from its own share of the
classes. A gradient with respect to what a rank holds alone (class weights) is therefore complete;
one with respect to gathered embeddings is the sum of what the ranks contribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.autograd import Function


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which process of how many this is."""

    rank: int = 0
    world_size: int = 1

    def part(self, count: int, rank: int | None = None) -> range:
        """Return a rank's consecutive share of ``count`` things, as even as can be.

        Example:
            >>> [list(Ranks(r, 3).part(7)) for r in range(3)]
            [[0, 1], [2, 3], [4, 5, 6]]
        """
        at = self.rank if rank is None else rank
        return range(at * count // self.world_size, (at + 1) * count // self.world_size)

    def barrier(self) -> None:
        """Wait for the others."""
        if self.world_size > 1:
            dist.barrier()

    def total(self, value: Tensor) -> Tensor:
        """Return the sum over ranks; no gradient."""
        if self.world_size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def largest(self, value: Tensor) -> Tensor:
        """Return the largest over ranks; no gradient."""
        if self.world_size > 1:
            value = value.clone()
            dist.all_reduce(value, op=dist.ReduceOp.MAX)
        return value


def gather_rows(rows: Tensor, sizes: Sequence[int], ranks: Ranks) -> Tensor:
    """Return the rows of every rank, in their order.

    The gradient that comes back is the sum over ranks, **times the number of ranks**, because
    DistributedDataParallel divides the backbone's gradients by it.

    Args:
        rows: (B, ...) of this rank.
        sizes: How many rows each rank has.
        ranks: Who we are.

    Returns:
        (sum of sizes, ...).
    """
    if ranks.world_size == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows, tuple(sizes), ranks)  # type: ignore[no-untyped-call]
    return gathered


def shared_sum(value: Tensor, ranks: Ranks) -> Tensor:
    """Return the sum over ranks of a part of the loss; each rank's part keeps its gradient."""
    if ranks.world_size == 1:
        return value
    total: Tensor = _SharedSum.apply(value, ranks)  # type: ignore[no-untyped-call]
    return total


def summed_rows(rows: Tensor, ranks: Ranks) -> Tensor:
    """Return the sum over ranks of something that every rank goes on to use.

    Its gradient is the sum of what the ranks made of it.
    """
    if ranks.world_size == 1:
        return rows
    total: Tensor = _SummedRows.apply(rows, ranks)  # type: ignore[no-untyped-call]
    return total


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: tuple[int, ...], ranks: Ranks) -> Tensor:
        ctx.start, ctx.size, ctx.ranks = sum(sizes[: ranks.rank]), len(rows), ranks
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        total = ctx.ranks.total(gradients[0])
        return total[ctx.start : ctx.start + ctx.size] * ctx.ranks.world_size, None, None


class _SharedSum(Function):
    @staticmethod
    def forward(_ctx: Any, value: Tensor, ranks: Ranks) -> Tensor:
        return ranks.total(value)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _SummedRows(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.total(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.total(gradients[0]), None
