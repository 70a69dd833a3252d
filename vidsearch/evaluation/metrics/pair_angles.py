"""Angles of genuine and impostor pairs of a labelled set: what Figures 6 and 7 draw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ShapeError
from vidsearch.evaluation.metrics.angles import Vectors, degrees_between, unit_rows

MOST = 500_000
"""Pairs of a kind at most; the paper's Figure 6 draws as many impostor pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class PairAngles:
    """Angles between the embeddings of a pair, degrees.

    Attributes:
        genuine: Of two embeddings of one identity.
        impostor: Of embeddings of two.
        genuine_in_set: How many genuine pairs the set holds; all of them where they are no more
            than were asked for.
    """

    genuine: NDArray[np.float64] = field(repr=False)
    impostor: NDArray[np.float64] = field(repr=False)
    genuine_in_set: int


def pair_angles(
    embeddings: Vectors, labels: NDArray[np.integer], *, most: int = MOST, seed: int = 0
) -> PairAngles:
    """Return the angles of all genuine pairs and of as many random impostor pairs, within a limit.

    Args:
        embeddings: (N, D) raw or unit.
        labels: (N,) identity of each.
        most: Pairs of a kind; where the set holds more genuine ones, so many are drawn.
        seed: Of the draws.

    Raises:
        ShapeError: As ``angle_statistics``, or ``most`` is not positive.
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
    who = np.searchsorted(ends, chosen, side="right")
    number = chosen - (ends[who] - pairs[who])
    # Pair n of somebody with photos 0, 1, ...: the later photo is row j of a triangle.
    later = np.floor((1 + np.sqrt(1 + 8 * number.astype(np.float64))) / 2).astype(np.intp)
    earlier = number - later * (later - 1) // 2
    return (order[before[who] + earlier], order[before[who] + later]), total


def _impostor(people: NDArray[np.integer], most: int, rng: np.random.Generator) -> Ends:
    """Return different pairs drawn evenly; all of them where the set holds few."""
    count = len(people)
    if count * count <= 4 * most:
        one, other = np.triu_indices(count, 1)
        kept = np.flatnonzero(people[one] != people[other])
        if len(kept) > most:
            kept = np.sort(rng.choice(kept, most, replace=False))
        return one[kept], other[kept]
    found = np.zeros(0, np.int64)
    for _ in range(100):  # a set of one person with a few others needs many draws
        a, b = rng.integers(0, count, (2, 2 * most))
        low, high = np.minimum(a, b), np.maximum(a, b)
        fits = people[low] != people[high]
        found = np.unique(np.concatenate([found, (low * np.int64(count) + high)[fits]]))
        if len(found) >= most:
            found = np.sort(rng.choice(found, most, replace=False))
            break
    return (found // count).astype(np.intp), (found % count).astype(np.intp)
