"""Process ranks, and collectives through which gradients flow.

Every rank computes the same loss, the mean over the global batch, from its own share of the
classes. The gradient of a tensor that one rank holds alone (class weights) is therefore complete.
The gradient of gathered embeddings is the sum of the ranks' contributions.
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
    """Rank of this process and number of processes.

    Attributes:
        rank: From 0.
        world_size: Number of processes.
    """

    rank: int = 0
    world_size: int = 1

    def part(self, count: int, rank: int | None = None) -> range:
        """Return a rank's consecutive share of ``count`` items; shares differ by one at most.

        Args:
            count: Items to share.
            rank: None for this process.

        Example:
            >>> [list(Ranks(r, 3).part(7)) for r in range(3)]
            [[0, 1], [2, 3], [4, 5, 6]]
        """
        number = self.rank if rank is None else rank
        return range(number * count // self.world_size, (number + 1) * count // self.world_size)

    def barrier(self) -> None:
        """Block until every rank has reached this call."""
        if self.world_size > 1:
            dist.barrier()

    def all_reduce_sum(self, value: Tensor) -> Tensor:
        """Return the sum over ranks, without a gradient; any shape, the same on every rank."""
        if self.world_size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def all_reduce_max(self, value: Tensor) -> Tensor:
        """Return the maximum over ranks, without a gradient; any shape, the same on every rank."""
        if self.world_size > 1:
            value = value.clone()
            dist.all_reduce(value, op=dist.ReduceOp.MAX)
        return value


def split_evenly(count: int, parts: int) -> list[int]:
    """Return the sizes of the parts of ``count`` items; the first parts get one more.

    Example:
        >>> split_evenly(7, 3)
        [3, 2, 2]
    """
    return [count // parts + (part < count % parts) for part in range(parts)]


def all_gather_rows(rows: Tensor, sizes: Sequence[int], ranks: Ranks) -> Tensor:
    """Return the rows of all ranks, in the order of the ranks.

    The gradient is the sum over ranks **times the number of ranks**, because
    DistributedDataParallel divides the backbone's gradients by that number.

    Args:
        rows: (B, *) rows of this rank.
        sizes: Number of rows of each rank.
        ranks: This process and the number of processes.

    Returns:
        (N, *), N the sum of ``sizes``.
    """
    if ranks.world_size == 1:
        return rows
    gathered: Tensor = _AllGatherRows.apply(rows, tuple(sizes), ranks)  # type: ignore[no-untyped-call]
    return gathered


def all_reduce_loss(share: Tensor, ranks: Ranks) -> Tensor:
    """Return the sum over ranks of a loss term; the gradient reaches each rank's share unchanged.

    Args:
        share: This rank's share of the term, a scalar.
        ranks: This process and the number of processes.
    """
    if ranks.world_size == 1:
        return share
    total: Tensor = _AllReduceLoss.apply(share, ranks)  # type: ignore[no-untyped-call]
    return total


def all_reduce_rows(rows: Tensor, ranks: Ranks) -> Tensor:
    """Return the sum over ranks of rows that every rank uses afterwards.

    The gradient is the sum of the gradients of all ranks.

    Args:
        rows: (N, D), the same shape on every rank.
        ranks: This process and the number of processes.
    """
    if ranks.world_size == 1:
        return rows
    total: Tensor = _AllReduceRows.apply(rows, ranks)  # type: ignore[no-untyped-call]
    return total


class _AllGatherRows(Function):
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
        total = ctx.ranks.all_reduce_sum(gradients[0])
        return total[ctx.start : ctx.start + ctx.size] * ctx.ranks.world_size, None, None


class _AllReduceLoss(Function):
    @staticmethod
    def forward(_ctx: Any, share: Tensor, ranks: Ranks) -> Tensor:
        return ranks.all_reduce_sum(share)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _AllReduceRows(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return ranks.all_reduce_sum(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.all_reduce_sum(gradients[0]), None
