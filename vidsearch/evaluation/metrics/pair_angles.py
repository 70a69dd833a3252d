"""Angles of genuine and impostor pairs of a labelled set, for Figures 6 and 7 of ArcFace."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ShapeError
from vidsearch.evaluation.metrics.angles import Vectors, degrees_between, unit_rows

MAX_PAIRS = 500_000
"""Largest number of genuine and of impostor pairs; Figure 6 of the paper uses 0.5 M impostors."""


@dataclass(frozen=True, slots=True, eq=False)
class PairAngles:
    """Angles between the embeddings of a pair, degrees.

    Attributes:
        genuine: (G,) angles of two embeddings of one identity.
        impostor: (I,) angles of embeddings of two identities.
        genuine_in_set: Number of genuine pairs in the whole set, drawn or not.
    """

    genuine: NDArray[np.float64] = field(repr=False)
    impostor: NDArray[np.float64] = field(repr=False)
    genuine_in_set: int


def pair_angles(
    embeddings: Vectors, labels: NDArray[np.integer], *, most: int = MAX_PAIRS, seed: int = 0
) -> PairAngles:
    """Return the angles of genuine and of random impostor pairs, at most ``most`` of each.

    Args:
        embeddings: (N, D) raw or unit.
        labels: (N,) identity of each embedding.
        most: Largest number of pairs of each kind. If the set has more, they are drawn at random.
        seed: Seed of the draws.

    Raises:
        ShapeError: See ``angle_statistics``; or ``most`` is not positive.
    """
    unit = unit_rows("embeddings", embeddings)
    people = np.asarray(labels)
    if people.shape != (len(unit),) or most < 1:
        raise ShapeError(
            f"labels must be one per embedding, ({len(unit)},), and most positive; got "
            f"{people.shape} and {most}"
        )
    if len(np.unique(people)) < 2:
        raise ShapeError("impostor pairs need two identities; the set shows one")
    rng = np.random.default_rng(seed)
    genuine, total = _genuine(people, most, rng)
    impostor = _impostor(people, most, rng)
    return PairAngles(
        genuine=degrees_between(unit[genuine[0]], unit[genuine[1]]),
        impostor=degrees_between(unit[impostor[0]], unit[impostor[1]]),
        genuine_in_set=total,
    )


Ends = tuple[NDArray[np.intp], NDArray[np.intp]]


def _genuine(people: NDArray[np.integer], most: int, rng: np.random.Generator) -> tuple[Ends, int]:
    order = np.argsort(people, kind="stable")
    _, counts = np.unique(people, return_counts=True)
    before = np.cumsum(counts) - counts
    pairs = counts * (counts - 1) // 2
    total = int(pairs.sum())
    chosen = np.arange(total) if total <= most else np.sort(rng.choice(total, most, replace=False))
    ends = np.cumsum(pairs)
    person = np.searchsorted(ends, chosen, side="right")
    number = chosen - (ends[person] - pairs[person])
    # Pair n of a person with photos 0, 1, ...: the later photo is row j of a triangle.
    later = np.floor((1 + np.sqrt(1 + 8 * number.astype(np.float64))) / 2).astype(np.intp)
    earlier = number - later * (later - 1) // 2
    return (order[before[person] + earlier], order[before[person] + later]), total


def _impostor(people: NDArray[np.integer], most: int, rng: np.random.Generator) -> Ends:
    """Return different pairs drawn uniformly; all pairs if the set is small."""
    count = len(people)
    if count * count <= 4 * most:
        first, second = np.triu_indices(count, 1)
        rows = np.flatnonzero(people[first] != people[second])
        if len(rows) > most:
            rows = np.sort(rng.choice(rows, most, replace=False))
        return first[rows], second[rows]
    pair_codes = np.zeros(0, np.int64)
    for _ in range(100):  # many draws are needed if one person dominates the set
        a, b = rng.integers(0, count, (2, 2 * most))
        low, high = np.minimum(a, b), np.maximum(a, b)
        is_impostor = people[low] != people[high]
        pair_codes = np.unique(
            np.concatenate([pair_codes, (low * np.int64(count) + high)[is_impostor]])
        )
        if len(pair_codes) >= most:
            pair_codes = np.sort(rng.choice(pair_codes, most, replace=False))
            break
    return (pair_codes // count).astype(np.intp), (pair_codes % count).astype(np.intp)
