"""Softmax cross entropy over classes that are split over ranks: the paper's model parallelism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from trainer.distributed.ranks import Ranks


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Which faces of the batch belong to a class that this rank holds.

    Attributes:
        rows: (M,) int64, places in the batch.
        columns: (M,) int64, places among this rank's classes.
    """

    rows: Tensor
    columns: Tensor


def split_cross_entropy(
    others: Tensor, targets: Tensor, held: Held, scale: float, ranks: Ranks
) -> Tensor:
    """Return the mean cross entropy over the batch; the same on every rank.

    Exactly the value and gradient of one process that holds all classes. What stands in ``others``
    in the place of a target is not looked at. Computed in float32 whatever comes in.

    Args:
        others: (N, C) logits of this rank's classes, before ``scale``; may be half precision.
        targets: (M,) logits of the faces held here, after ``scale``.
        held: Which those are.
        scale: s.
        ranks: Who we are.
    """
    loss: Tensor = _SplitCrossEntropy.apply(  # type: ignore[no-untyped-call]
        others, targets, held, scale, ranks
    )
    return loss


class _SplitCrossEntropy(Function):
    @staticmethod
    def forward(
        ctx: Any, others: Tensor, targets: Tensor, held: Held, scale: float, ranks: Ranks
    ) -> Tensor:
        precision = torch.promote_types(others.dtype, torch.float32)
        logits = others.to(precision, copy=True).mul_(scale)
        logits[held.rows, held.columns] = targets.to(precision)
        empty = logits.new_full((len(logits),), -torch.inf)
        largest = ranks.largest(logits.amax(1) if logits.shape[1] else empty)
        exponents = logits.sub_(largest[:, None]).exp_()
        total = ranks.total(exponents.sum(1))
        target = logits.new_zeros(len(logits))
        target[held.rows] = targets.to(precision)
        target = ranks.total(target)
        probabilities = exponents.div_(total[:, None])
        ctx.save_for_backward(probabilities)
        ctx.held, ctx.scale, ctx.kinds = held, scale, (others.dtype, targets.dtype)
        return (total.log() + largest - target).mean()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        (probabilities,) = ctx.saved_tensors
        held: Held = ctx.held
        share = gradients[0] / len(probabilities)
        of_targets = (probabilities[held.rows, held.columns] - 1) * share
        of_others = (probabilities * (share * ctx.scale)).to(ctx.kinds[0])
        of_others[held.rows, held.columns] = 0
        return of_others, of_targets.to(ctx.kinds[1]), None, None, None
