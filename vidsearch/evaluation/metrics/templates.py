"""Templates of several media: pooling of their embeddings and comparison of template pairs.

A template shows one subject in several media. A medium is a still image or a video. Frames of one
video are correlated, so they are averaged first: a medium counts once, independent of its length.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError, ShapeError

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

PAIR_BLOCK = 512
"""Pairs that one thread compares at a time; with 512 dimensions their vectors take 4 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """One vector per template.

    Attributes:
        ids: (T,) template ids, ascending.
        unit: (T, D) float64 of unit length; zeros where ``found`` is False.
        found: (T,) True if the template has a usable image.
    """

    ids: NDArray[np.integer]
    unit: Floats = field(repr=False)
    found: NDArray[np.bool_]

    def rows(self, ids: NDArray[np.integer]) -> Rows:
        """Return the (N,) rows of (N,) template ids, all of which must exist."""
        return np.searchsorted(self.ids, ids)


def media_weights(
    templates: NDArray[np.integer],
    media: NDArray[np.integer],
    usable: NDArray[np.bool_],
    scores: Floats | None = None,
) -> Floats:
    """Return the weight of each embedding in its template's sum.

    The mean over a medium, summed over media, is one weighted sum. The weight of an image is its
    detection score, or 1, divided by the number of usable images of its medium in the template.

    Args:
        templates: (N,) template of each image.
        media: (N,) medium of each image.
        usable: (N,) False for images without an embedding; their weight is 0.
        scores: (N,) detection scores, or None.

    Returns:
        (N,) weights.

    Source:
        IJB-B and IJB-C as evaluated by ArcFace: mean inside a medium, sum over media.

    Example:
        >>> media_weights(np.array([7, 7, 7]), np.array([1, 1, 2]), np.ones(3, bool)).tolist()
        [0.5, 0.5, 1.0]
    """
    weights = np.zeros(len(templates))
    template_and_medium = templates[usable].astype(np.int64) << 32 | media[usable].astype(np.int64)
    _, group, counts = np.unique(template_and_medium, return_inverse=True, return_counts=True)
    weights[usable] = 1 / counts[group]
    if scores is not None:
        weights[usable] *= scores[usable]
    return weights


def pool_templates(
    blocks: Iterable[tuple[int, Matrix]], templates: NDArray[np.integer], weights: Floats
) -> Templates:
    """Return one unit vector per template from its images' raw embeddings.

    Args:
        blocks: First row and (B, D) raw embeddings, summed with those of the mirrored faces.
        templates: (N,) template of each row.
        weights: (N,) weights of :func:`media_weights`; rows of weight 0 are ignored.

    Raises:
        ShapeError: No embedding, or an embedding that is not finite.

    Source:
        IJB-B and IJB-C as evaluated by ArcFace: mean inside a medium, sum over media, L2.
    """
    ids, owner = np.unique(templates, return_inverse=True)
    sums: Floats | None = None
    for start, block in blocks:
        block_rows = slice(start, start + len(block))
        if sums is None:
            sums = np.zeros((len(ids), block.shape[1]))
        _add_block(sums, owner[block_rows], weights[block_rows], block, start)
    if sums is None:
        raise ShapeError("templates need at least one embedding; got none")
    norms = np.linalg.norm(sums, axis=1)
    found = norms > 0
    sums /= np.where(found, norms, 1)[:, None]
    return Templates(ids, sums, found)


def _add_block(sums: Floats, owner: Rows, weights: Floats, block: Matrix, start: int) -> None:
    weighted_rows = np.flatnonzero(weights)
    wrong = weighted_rows[~np.isfinite(block[weighted_rows]).all(axis=1)]
    if len(wrong):
        raise ShapeError(f"embeddings must be finite numbers; row {start + int(wrong[0])} is not")
    # Rows of one template are summed first, so each template row of ``sums`` is written once.
    order = weighted_rows[np.argsort(owner[weighted_rows], kind="stable")]
    if not len(order):
        return
    weighted = block[order].astype(np.float64) * weights[order, None]
    firsts = np.flatnonzero(np.append(True, np.diff(owner[order]) != 0))
    sums[owner[order][firsts]] += np.add.reduceat(weighted, firsts, axis=0)


def pair_similarities(
    templates: Templates, first: Rows, second: Rows, *, missing: float, threads: int = 1
) -> Floats:
    """Return the cosine of every pair of rows; equal vectors give bit-equal cosines.

    Args:
        templates: T templates.
        first: (N,) row of the first template of each pair.
        second: (N,) row of the second template of each pair.
        missing: Score of a pair with a template without a usable image.
        threads: Number of threads.

    Returns:
        (N,) cosines in [-1, 1].

    Raises:
        ConfigError: Unequal lengths, or ``threads`` below 1.
    """
    if first.shape != second.shape or threads < 1:
        raise ConfigError(
            f"pairs need two equally long lists of rows and a thread; got {first.shape}, "
            f"{second.shape}, {threads}"
        )
    scores = np.empty(len(first))
    unit = templates.unit

    def compare(start: int, stop: int) -> None:
        for top in range(start, stop, PAIR_BLOCK):
            block_rows = slice(top, min(top + PAIR_BLOCK, stop))
            np.einsum(
                "nd,nd->n",
                unit[first[block_rows]],
                unit[second[block_rows]],
                out=scores[block_rows],
            )

    step = -(-len(first) // threads) or 1
    starts = range(0, len(first), step)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(compare, starts, [min(start + step, len(first)) for start in starts]))
    np.clip(scores, -1, 1, out=scores)
    if not templates.found.all():
        scores[~(templates.found[first] & templates.found[second])] = missing
    return scores
