"""Angles between embeddings, their centres and class weights: the statistics of Table 3.

All angles are in degrees and between directions: vector lengths have no influence. The *embedding
centre* of an identity is the sum of its unit-length embeddings, so every photo has equal weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ShapeError

BLOCK = 2048
"""Rows and columns of one block; its cosines take 16 MiB."""

Floats = NDArray[np.float64]
Vectors = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class AngleStatistics:
    """Table 3 for one data set, degrees; None without class weights.

    Attributes:
        w_ec: Mean angle between a class weight and its embedding centre.
        w_inter: Mean over classes of the smallest angle between its weight and another's.
        intra: Mean angle between an embedding and its identity's centre.
        inter: Mean over identities of the smallest angle between its centre and another's.
        embeddings: Number of embeddings.
        identities: Number of identities.
    """

    w_ec: float | None
    w_inter: float | None
    intra: float
    inter: float
    embeddings: int
    identities: int


@dataclass(frozen=True, slots=True, eq=False)
class AngleValues:
    """Angles that Table 3 averages, degrees; None without class weights.

    Attributes:
        identities: (K,) identities with an embedding, ascending.
        rows: (N,) position of each embedding's identity in ``identities``.
        intra: (N,) angle between an embedding and its identity's centre.
        inter: (K,) smallest angle between a centre and any other centre.
        w_ec: (K,) angle between an identity's class weight and its centre.
        w_inter: (C,) smallest angle between a class weight and any other weight.
    """

    identities: NDArray[np.integer]
    rows: NDArray[np.integer]
    intra: Floats
    inter: Floats
    w_ec: Floats | None = None
    w_inter: Floats | None = None

    def statistics(self) -> AngleStatistics:
        """Return the mean of each angle."""
        return AngleStatistics(
            w_ec=float(self.w_ec.mean()) if self.w_ec is not None else None,
            w_inter=float(self.w_inter.mean()) if self.w_inter is not None else None,
            intra=float(self.intra.mean()),
            inter=float(self.inter.mean()),
            embeddings=len(self.intra),
            identities=len(self.inter),
        )


def angle_statistics(
    embeddings: Vectors, labels: NDArray[np.integer], weights: Vectors | None = None
) -> AngleStatistics:
    """Return the angle statistics of a data set and, if given, of a classifier's weights.

    Args:
        embeddings: (N, D) raw or unit.
        labels: (N,) identity of each embedding.
        weights: (C, D) or (C, S, D); see :func:`angle_values`.

    Raises:
        ShapeError: See :func:`angle_values`.

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
    return angle_values(embeddings, labels, weights).statistics()


def angle_values(
    embeddings: Vectors, labels: NDArray[np.integer], weights: Vectors | None = None
) -> AngleValues:
    """Return the angles that Table 3 averages.

    Args:
        embeddings: (N, D) raw or unit.
        labels: (N,) identity of each embedding, any integers; with ``weights`` the row of its
            class.
        weights: (C, D) with one class per row, or (C, S, D) with S sub-centres per class. The
            sub-centre nearest to the embedding centre represents the class; the first one if the
            class has no embedding. A class without an embedding contributes to W-Inter only.

    Raises:
        ShapeError: Shapes that do not match, values that are not finite, a vector of length zero,
            an identity whose embeddings sum to zero, or fewer than two identities.

    Source:
        ArcFace, Table 3. Sub-centres as in Deng et al. 2020 (Sub-center ArcFace).
    """
    unit = unit_rows("embeddings", embeddings)
    labelled = np.asarray(labels)
    if labelled.shape != (len(unit),):
        raise ShapeError(
            f"labels must be one per embedding, ({len(unit)},); got shape {labelled.shape}"
        )
    present, rows = np.unique(labelled, return_inverse=True)
    if len(present) < 2:
        raise ShapeError(f"angles between identities need two of them; got {len(present)}")
    centres = embedding_centres(unit, rows, len(present))
    w_ec = w_inter = None
    if weights is not None:
        directions = _directions(weights, present, centres)
        w_ec = degrees_between(directions[present], centres)
        w_inter = smallest_angles(directions)
    return AngleValues(
        identities=present,
        rows=rows,
        intra=degrees_between(unit, centres[rows]),
        inter=smallest_angles(centres),
        w_ec=w_ec,
        w_inter=w_inter,
    )


def _directions(weights: Vectors, present: NDArray[np.integer], centres: Matrix) -> Matrix:
    """Return the (C, D) unit-length weight of each class."""
    table = np.asarray(weights)
    if table.ndim != 3:
        directions = unit_rows("weights", table)
        _check_classes(present, directions, centres.shape[1])
        return directions
    classes, sub_centres, dim = table.shape
    unit_sub_centres = unit_rows("weights", table.reshape(-1, dim)).reshape(
        classes, sub_centres, dim
    )
    directions = np.ascontiguousarray(unit_sub_centres[:, 0])
    _check_classes(present, directions, centres.shape[1])
    nearest = np.einsum("ksd,kd->ks", unit_sub_centres[present], centres).argmax(axis=1)
    directions[present] = unit_sub_centres[present, nearest]
    return directions


def embedding_centres(unit: Matrix, rows: NDArray[np.integer], count: int) -> Matrix:
    """Return the unit-length centre of each identity's unit-length embeddings.

    Args:
        unit: (N, D) of unit length.
        rows: (N,) identity of each embedding in [0, count); every identity occurs.
        count: Number of identities.

    Returns:
        (count, D) float32.

    Raises:
        ShapeError: The embeddings of an identity sum to zero.
    """
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(count))
    sums = np.add.reduceat(unit[order].astype(np.float64), starts, axis=0)
    return unit_rows("centres of identities", sums)


def degrees_between(a: Matrix, b: Matrix) -> Floats:
    """Return the angle between row i of A and row i of B, degrees.

    Half the angle is computed from the lengths of sum and difference. Unlike the arc cosine, this
    keeps its precision near 0 and 180 degrees.

    Args:
        a: (N, D) of unit length.
        b: (N, D) of unit length.

    Returns:
        (N,) float64 in [0, 180].

    Source:
        Kahan 2006.
    """
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    difference_length = np.linalg.norm(left - right, axis=1)
    sum_length = np.linalg.norm(left + right, axis=1)
    return np.asarray(np.degrees(2 * np.arctan2(difference_length, sum_length)), np.float64)


def smallest_angles(unit: Matrix, block: int = BLOCK) -> Floats:
    """Return the smallest angle between each row and any other row, degrees.

    Rows are compared in blocks, so memory does not grow with the square of the number of classes.

    Args:
        unit: (C, D) of unit length, C >= 2.
        block: Rows and columns of one block.

    Returns:
        (C,) float64 in [0, 180].

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
    """Return the vectors scaled to unit length.

    Args:
        name: Name of the table, for errors.
        vectors: (N, D) vectors.

    Returns:
        (N, D) float32.

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
        raise ShapeError(f"weights have {weights.shape[1]} numbers per row, embeddings {dim}")
    if present[0] < 0 or present[-1] >= len(weights):
        raise ShapeError(
            f"labels must be rows of the {len(weights)} weights; got {present[0]} to {present[-1]}"
        )
