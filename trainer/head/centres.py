"""Intra- and inter-loss: the second terms of eq. 5 and 6, as sums that several ranks can share."""

from __future__ import annotations

import math

from torch import Tensor

from trainer.head.margins import angle_of


def intra_term(target_cosine: Tensor, faces: int) -> Tensor:
    """Return this rank's share of 1/(pi N) * sum of theta_y: what eq. 5 adds.

    Args:
        target_cosine: (M,) of the faces whose class this rank holds.
        faces: N, over all ranks.
    """
    return angle_of(target_cosine).sum() / (math.pi * faces)


def inter_term(own_centres: Tensor, centres: Tensor, own_columns: Tensor, classes: int) -> Tensor:
    """Return this rank's share of -1/(pi N (n-1)) * sum over j != y of arccos(W_y . W_j): eq. 6.

    Args:
        own_centres: (N, D) W_y of every face of the batch, L2-normalised.
        centres: (C, D) the classes that this rank holds, L2-normalised.
        own_columns: (N,) where W_y stands among them; -1 where another rank holds it.
        classes: n, over all ranks.
    """
    angles = angle_of(own_centres @ centres.t())
    held = own_columns >= 0
    own = angles[held].gather(1, own_columns[held, None]).sum()
    return -(angles.sum() - own) / (math.pi * len(own_centres) * max(classes - 1, 1))
