"""Triplet loss on angles: arccos(x . x_pos) + m <= arccos(x . x_neg)."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.config.loss import Mining
from trainer.head.margins import angle_of


def triplet_term(
    anchors: Tensor,
    anchor_rows: Tensor,
    faces: Tensor,
    labels: Tensor,
    *,
    margin_rad: float,
    mining: Mining,
) -> tuple[Tensor, int]:
    """Return the sum of max(0, theta_pos + m - theta_neg) over mined triplets, and their number.

    ``hard`` mines one triplet for each anchor with a positive and a negative: the farthest positive
    and the nearest negative. ``semi-hard`` mines one triplet for each anchor and positive. Its
    negative is the nearest one that is farther than the positive, or else the farthest one.

    Args:
        anchors: (A, D) embeddings, L2-normalised.
        anchor_rows: (A,) row of each anchor in ``faces``.
        faces: (N, D) embeddings of the whole batch, L2-normalised.
        labels: (N,) class of each face.
        margin_rad: m, radians.
        mining: ``hard`` or ``semi-hard``.

    Returns:
        The sum, a scalar, and the number of triplets.

    Source:
        Schroff et al. 2015, "FaceNet", section 3.2.
    """
    angles = angle_of(anchors @ faces.t())
    same = labels[anchor_rows, None] == labels[None, :]
    itself = anchor_rows[:, None] == torch.arange(len(labels), device=labels.device)[None, :]
    positive, negative = same & ~itself, ~same
    with torch.no_grad():
        if mining == "hard":
            rows = (positive.any(1) & negative.any(1)).nonzero()[:, 0]
            far = angles.masked_fill(~positive, -1).argmax(1)[rows]
            near = angles.masked_fill(~negative, 9).argmin(1)[rows]
        else:
            rows, far = (positive & negative.any(1, keepdim=True)).nonzero(as_tuple=True)
            near = _semi_hard(angles, negative, rows, far)
    hinge = (angles[rows, far] + margin_rad - angles[rows, near]).clamp(min=0)
    return hinge.sum(), len(rows)


def _semi_hard(angles: Tensor, negative: Tensor, rows: Tensor, far: Tensor) -> Tensor:
    candidates = angles[rows]
    usable = negative[rows] & (candidates > angles[rows, far][:, None])
    nearest = candidates.masked_fill(~usable, 9).argmin(1)
    farthest = candidates.masked_fill(~negative[rows], -1).argmax(1)
    return torch.where(usable.any(1), nearest, farthest)
