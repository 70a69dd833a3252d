"""How sure a TAR at a small FAR is where there are millions of pairs: only the tail is resampled.

At a small FAR only genuine pairs and the highest impostor similarities decide; of all the other
impostor pairs nothing but their weight counts, and that follows from how many there are of each two
people. The intervals are those of ``vidsearch.evaluation.metrics.paired``, draw by draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.verification import operating_point
from vidsearch.models.pair_scores import checked_pairs

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

_ROOM = 20
"""A resample can put this many times the allowed false accepts into the tail; beyond, it is left
out, as is one without genuine pairs."""
_LEAST = 2_000


def tar_intervals(
    similarities: Floats,
    issame: NDArray[np.bool_],
    groups: tuple[Rows, Rows],
    fars: Sequence[float],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[float, tuple[float, float]]:
    """Return the middle 95 % of TAR at each FAR over resamples of people.

    Args:
        similarities: (N,), higher is closer.
        issame: (N,) True for genuine pairs.
        groups: (N,) and (N,) number of either person, from 0.
        fars: Small ones: at a large FAR the tail is everything.
        resamples: How many.
        seed: Of the random numbers.

    Raises:
        ConfigError: No resample can be scored; see also ``checked_pairs``.

    Source:
        The "subsets bootstrap" of Bolle, Ratha and Pankanti 2004: a pair weighs the product of how
        often its two people were drawn.
    """
    scores, labels = checked_pairs(similarities, issame)
    rows, partial = _tail(scores, labels, max(fars))
    order = rows[np.argsort(-scores[rows], kind="stable")]
    ranked, same = scores[order], labels[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(order) - 1)
    first, second = groups[0][order], groups[1][order]
    people = int(max(group.max() for group in groups)) + 1
    total = _impostor_weight(labels, groups, people)
    nothing = np.zeros(len(ends) + 2)  # thresholds do not matter here
    rng = np.random.default_rng(seed)
    drawn: dict[float, list[float]] = {far: [] for far in fars}
    for _ in range(resamples):
        times = rng.multinomial(people, np.full(people, 1 / people)).astype(np.float64)
        weights = np.where(first == second, times[first], times[first] * times[second])
        genuine = np.cumsum(np.where(same, weights, 0.0))[ends]
        impostor = np.cumsum(np.where(same, 0.0, weights))[ends]
        everything = total(times)
        if not genuine[-1] or not everything:
            continue
        true_accepts = np.concatenate([[0], genuine, genuine[-1:]]).astype(np.int64)
        false_accepts = np.concatenate([[0], impostor, [everything]]).astype(np.int64)
        for far in fars:
            if partial and far * everything * (1 + 1e-12) >= impostor[-1]:
                continue  # what this draw allows lies beyond the tail
            point = operating_point(nothing, true_accepts, false_accepts, far=far)
            drawn[far].append(point.tar)
    if not all(drawn.values()):
        raise ConfigError(
            f"none of {resamples} resamples has what the measure needs; evaluate more people"
        )
    return {far: _middle(values) for far, values in drawn.items()}


def _middle(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _tail(scores: Floats, labels: NDArray[np.bool_], far: float) -> tuple[Rows, bool]:
    """Return the rows of all genuine pairs and of the highest impostors, and if some are left."""
    impostors = np.flatnonzero(~labels)
    count = _LEAST + int(_ROOM * far * len(impostors))
    if count >= len(impostors):
        return np.arange(len(scores)), False
    values = scores[impostors]
    bar = np.partition(values, len(values) - count)[len(values) - count]
    return np.concatenate([np.flatnonzero(labels), impostors[values >= bar]]), True


def _impostor_weight(
    labels: NDArray[np.bool_], groups: tuple[Rows, Rows], people: int
) -> Callable[[Floats], float]:
    """Return the weight of all impostor pairs as a function of how often people are drawn."""
    from scipy.sparse import coo_array

    first, second = (group[~labels].astype(np.int32) for group in groups)
    alone = first == second
    single = np.bincount(first[alone], minlength=people).astype(np.float64)
    ones = np.ones(int((~alone).sum()), np.float32)
    counts = coo_array((ones, (first[~alone], second[~alone])), shape=(people, people)).tocsr()
    table = counts.astype(np.float64)

    def weight(times: Floats) -> float:
        return float(times @ (table @ times) + single @ times)

    return weight
