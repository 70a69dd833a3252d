"""Intra-loss and inter-loss: the second terms of eq. 5 and 6, as this rank's share of the sum."""

from __future__ import annotations

import math

from torch import Tensor

from trainer.head.margins import angle_of


def intra_term(target_cosine: Tensor, faces: int) -> Tensor:
    """Return this rank's share of the intra-term, 1/(pi N) * sum of theta_y; a scalar.

    Args:
        target_cosine: (M,) cosines of the faces whose class this rank holds.
        faces: N, the number of faces over all ranks.

    Source:
        Deng et al. 2019, eq. 5.
    """
    return angle_of(target_cosine).sum() / (math.pi * faces)


def inter_term(own_centres: Tensor, centres: Tensor, own_columns: Tensor, classes: int) -> Tensor:
    """Return this rank's share of the inter-term; a scalar.

    The term is -1/(pi N (n - 1)) * sum over j != y of arccos(W_y . W_j).

    Args:
        own_centres: (N, D) W_y of every face of the batch, L2-normalised.
        centres: (C, D) class weights of this rank, L2-normalised.
        own_columns: (N,) row of W_y in ``centres``; -1 if another rank holds it.
        classes: n, the number of classes over all ranks.

    Source:
        Deng et al. 2019, eq. 6.
    """
    angles = angle_of(own_centres @ centres.t())
    local = own_columns >= 0
    own = angles[local].gather(1, own_columns[local, None]).sum()
    return -(angles.sum() - own) / (math.pi * len(own_centres) * max(classes - 1, 1))
