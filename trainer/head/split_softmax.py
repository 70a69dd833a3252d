"""Softmax cross entropy over classes that are split over ranks (model parallelism)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from trainer.distributed.ranks import Ranks


@dataclass(frozen=True, slots=True, eq=False)
class LocalTargets:
    """Faces of the batch whose class this rank holds.

    Attributes:
        rows: (M,) int64, row of the face in the batch.
        columns: (M,) int64, row of its class among the classes of this rank.
    """

    rows: Tensor
    columns: Tensor


def split_cross_entropy(
    others: Tensor, targets: Tensor, local: LocalTargets, scale: float, ranks: Ranks
) -> Tensor:
    """Return the mean cross entropy over the batch, a scalar; the same on every rank.

    Value and gradient are exactly those of one process that holds all classes. The entries of
    ``others`` at the targets are ignored. The computation is in float32, or float64 for float64.

    Args:
        others: (N, C) logits of this rank's classes, before ``scale``; may be half precision.
        targets: (M,) logits of the local targets, after ``scale``.
        local: Rows and columns of the local targets.
        scale: s, the factor of ``others``.
        ranks: This process and the number of processes.
    """
    loss: Tensor = _SplitCrossEntropy.apply(  # type: ignore[no-untyped-call]
        others, targets, local, scale, ranks
    )
    return loss


class _SplitCrossEntropy(Function):
    @staticmethod
    def forward(
        ctx: Any, others: Tensor, targets: Tensor, local: LocalTargets, scale: float, ranks: Ranks
    ) -> Tensor:
        precision = torch.promote_types(others.dtype, torch.float32)
        logits = others.to(precision, copy=True).mul_(scale)
        logits[local.rows, local.columns] = targets.to(precision)
        empty = logits.new_full((len(logits),), -torch.inf)
        largest = ranks.all_reduce_max(logits.amax(1) if logits.shape[1] else empty)
        exponents = logits.sub_(largest[:, None]).exp_()
        total = ranks.all_reduce_sum(exponents.sum(1))
        target = logits.new_zeros(len(logits))
        target[local.rows] = targets.to(precision)
        target = ranks.all_reduce_sum(target)
        probabilities = exponents.div_(total[:, None])
        ctx.save_for_backward(probabilities)
        ctx.local, ctx.scale, ctx.dtypes = local, scale, (others.dtype, targets.dtype)
        return (total.log() + largest - target).mean()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        (probabilities,) = ctx.saved_tensors
        local: LocalTargets = ctx.local
        share = gradients[0] / len(probabilities)
        of_targets = (probabilities[local.rows, local.columns] - 1) * share
        of_others = (probabilities * (share * ctx.scale)).to(ctx.dtypes[0])
        of_others[local.rows, local.columns] = 0
        return of_others, of_targets.to(ctx.dtypes[1]), None, None, None
