"""Angles between embeddings, their centres and class weights: the statistics of Table 3.

All angles are in degrees, between directions: lengths never count. An identity's *embedding centre*
is the sum of its unit-length embeddings, so that every photo has the same say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ShapeError

BLOCK = 2048
"""Rows and columns compared at a time: their cosines take 16 MiB."""

Floats = NDArray[np.float64]
Vectors = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class AngleStatistics:
    """Table 3 for one data set, degrees; None where there are no class weights.

    Attributes:
        w_ec: Mean angle between a class weight and its embedding centre.
        w_inter: Mean over classes of the smallest angle between its weight and another's.
        intra: Mean angle between an embedding and its identity's centre.
        inter: Mean over identities of the smallest angle between its centre and another's.
        embeddings: How many were looked at.
        identities: How many were looked at.
    """

    w_ec: float | None
    w_inter: float | None
    intra: float
    inter: float
    embeddings: int
    identities: int


def angle_statistics(
    embeddings: Vectors, labels: NDArray[np.integer], weights: Vectors | None = None
) -> AngleStatistics:
    """Return the angle statistics of a data set, and of a classifier's weights if there are any.

    Args:
        embeddings: (N, D) raw or unit.
        labels: (N,) identity of each: any integers; with ``weights`` the row of its class.
        weights: (C, D) one class a row. A class without an embedding counts for W-Inter only.

    Raises:
        ShapeError: Shapes that do not fit, values that are not finite, a vector of length zero, an
            identity whose embeddings cancel out, or fewer than two identities.

    Source:
        ArcFace, Table 3: "W-EC", "W-Inter", "Intra" and "Inter".

    Example:
        Two identities at right angles, each with two embeddings 30 degrees off its centre.

        >>> degrees = np.radians([-30.0, 30.0, 60.0, 120.0])
        >>> points = np.stack([np.cos(degrees), np.sin(degrees)], axis=1).astype(np.float32)
        >>> found = angle_statistics(points, np.array([0, 0, 1, 1]))
        >>> round(found.intra, 3), round(found.inter, 3)
        (30.0, 90.0)
    """
    unit = unit_rows("embeddings", embeddings)
    identities = np.asarray(labels)
    if identities.shape != (len(unit),):
        raise ShapeError(
            f"labels must be one per embedding, ({len(unit)},); got shape {identities.shape}"
        )
    present, rows = np.unique(identities, return_inverse=True)
    if len(present) < 2:
        raise ShapeError(f"angles between identities need two of them; got {len(present)}")
    centres = embedding_centres(unit, rows, len(present))
    intra = degrees_between(unit, centres[rows])
    w_ec = w_inter = None
    if weights is not None:
        directions = unit_rows("weights", weights)
        _check_classes(present, directions, unit.shape[1])
        w_ec = float(degrees_between(directions[present], centres).mean())
        w_inter = float(smallest_angles(directions).mean())
    return AngleStatistics(
        w_ec=w_ec,
        w_inter=w_inter,
        intra=float(intra.mean()),
        inter=float(smallest_angles(centres).mean()),
        embeddings=len(unit),
        identities=len(present),
    )


def embedding_centres(unit: Matrix, rows: NDArray[np.integer], count: int) -> Matrix:
    """Return the unit-length centre of each identity's unit-length embeddings.

    Args:
        unit: (N, D) of unit length.
        rows: (N,) in [0, count): the identity of each; all of them occur.
        count: Number of identities.

    Returns:
        (count, D) float32.

    Raises:
        ShapeError: The embeddings of an identity cancel out.
    """
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(count))
    sums = np.add.reduceat(unit[order].astype(np.float64), starts, axis=0)
    return unit_rows("centres of identities", sums)


def degrees_between(a: Matrix, b: Matrix) -> Floats:
    """Return the angle between rows of equal place, degrees.

    Half the angle comes from the lengths of sum and difference (Kahan 2006), which, unlike the
    arc cosine, keeps its precision near 0 and 180 degrees.

    Args:
        a: (N, D) of unit length.
        b: (N, D) of unit length.

    Returns:
        (N,) float64 in [0, 180].
    """
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    apart = np.linalg.norm(left - right, axis=1)
    together = np.linalg.norm(left + right, axis=1)
    return np.asarray(np.degrees(2 * np.arctan2(apart, together)), np.float64)


def smallest_angles(unit: Matrix, block: int = BLOCK) -> Floats:
    """Return for every row the smallest angle to another row, degrees.

    Works in blocks of rows and columns: memory does not grow with the number of classes.

    Args:
        unit: (C, D) of unit length, C >= 2.
        block: Rows and columns compared at a time.

    Raises:
        ShapeError: Fewer than two rows.
    """
    count = len(unit)
    if count < 2:
        raise ShapeError(f"angles between classes need two of them; got {count}")
    vectors = np.ascontiguousarray(unit, np.float32)
    best = np.full(count, -np.inf, np.float32)
    nearest = np.zeros(count, np.intp)
    for top in range(0, count, block):
        rows = slice(top, min(top + block, count))
        for left in range(top, count, block):
            columns = slice(left, min(left + block, count))
            cosines = vectors[rows] @ vectors[columns].T
            if left == top:
                np.fill_diagonal(cosines, -np.inf)
            else:
                _keep_best(best, nearest, columns, cosines.T, top)
            _keep_best(best, nearest, rows, cosines, left)
    return degrees_between(vectors, vectors[nearest])


def _keep_best(
    best: NDArray[np.float32], nearest: NDArray[np.intp], rows: slice, cosines: Matrix, offset: int
) -> None:
    column = cosines.argmax(axis=1)
    value = cosines[np.arange(len(column)), column]
    better = value > best[rows]
    best[rows][better] = value[better]
    nearest[rows][better] = column[better] + offset


def unit_rows(name: str, vectors: Vectors) -> Matrix:
    """Return rows of unit length, (N, D) float32.

    Raises:
        ShapeError: Not (N, D), not finite, or a row of length zero.
    """
    table = np.asarray(vectors)
    if table.ndim != 2 or not len(table) or not table.shape[1]:
        raise ShapeError(f"{name} must be a table of vectors (N, D); got shape {table.shape}")
    lengths = np.linalg.norm(table.astype(np.float64, copy=False), axis=1)
    wrong = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(wrong):
        raise ShapeError(
            f"{name} must be finite and not zero; row {wrong[0]} is not ({len(wrong)} in all)"
        )
    return np.asarray(table / lengths[:, None], np.float32)


def _check_classes(present: NDArray[np.integer], weights: Matrix, dim: int) -> None:
    if weights.shape[1] != dim:
        raise ShapeError(f"weights have {weights.shape[1]} numbers a row, embeddings {dim}")
    if present[0] < 0 or present[-1] >= len(weights):
        raise ShapeError(
            f"labels must be rows of the {len(weights)} weights; got {present[0]} to {present[-1]}"
        )
