"""Confidence interval of TAR at a small FAR for millions of pairs: only the tail is resampled.

TAR at a small FAR depends on the genuine pairs and on the highest impostor similarities. All other
impostor pairs contribute only their total weight, which follows from the number of pairs of every
two people. The intervals equal those of ``vidsearch.evaluation.metrics.paired``, draw by draw.
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

_TAIL_FACTOR = 20
"""Tail size in units of the allowed false accepts.

A resample whose allowed false accepts lie beyond the tail is skipped, as is one without genuine
pairs.
"""
_MIN_TAIL = 2_000


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
        similarities: (N,) similarities, higher is closer.
        issame: (N,) True for genuine pairs.
        groups: Two (N,) arrays: number of the first and of the second person, from 0.
        fars: False accept rates. Small ones are fast; at a large FAR the tail is all pairs.
        resamples: Number of resamples.
        seed: Seed of the random numbers.

    Raises:
        ConfigError: No resample can be scored; see also ``checked_pairs``.

    Source:
        The "subsets bootstrap" of Bolle, Ratha and Pankanti 2004: the weight of a pair is the
        product of the counts of its two people.
    """
    scores, labels = checked_pairs(similarities, issame)
    rows, partial = _tail(scores, labels, max(fars))
    order = rows[np.argsort(-scores[rows], kind="stable")]
    ranked, same = scores[order], labels[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(order) - 1)
    first, second = groups[0][order], groups[1][order]
    people = int(max(group.max() for group in groups)) + 1
    total = _impostor_weight(labels, groups, people)
    unused_thresholds = np.zeros(len(ends) + 2)
    rng = np.random.default_rng(seed)
    drawn: dict[float, list[float]] = {far: [] for far in fars}
    for _ in range(resamples):
        draws = rng.multinomial(people, np.full(people, 1 / people)).astype(np.float64)
        weights = np.where(first == second, draws[first], draws[first] * draws[second])
        genuine = np.cumsum(np.where(same, weights, 0.0))[ends]
        impostor = np.cumsum(np.where(same, 0.0, weights))[ends]
        total_impostor = total(draws)
        if not genuine[-1] or not total_impostor:
            continue
        true_accepts = np.concatenate([[0], genuine, genuine[-1:]]).astype(np.int64)
        false_accepts = np.concatenate([[0], impostor, [total_impostor]]).astype(np.int64)
        for far in fars:
            if partial and far * total_impostor * (1 + 1e-12) >= impostor[-1]:
                continue  # the allowed false accepts of this draw lie beyond the tail
            point = operating_point(unused_thresholds, true_accepts, false_accepts, far=far)
            drawn[far].append(point.tar)
    if not all(drawn.values()):
        raise ConfigError(
            f"none of {resamples} resamples has what the measure needs; evaluate more people"
        )
    ends_of = {far: np.percentile(values, [2.5, 97.5]) for far, values in drawn.items()}
    return {far: (float(low), float(high)) for far, (low, high) in ends_of.items()}


def _tail(scores: Floats, labels: NDArray[np.bool_], far: float) -> tuple[Rows, bool]:
    """Return the rows of genuine pairs and highest impostors; True if impostors are left out."""
    impostors = np.flatnonzero(~labels)
    count = _MIN_TAIL + int(_TAIL_FACTOR * far * len(impostors))
    if count >= len(impostors):
        return np.arange(len(scores)), False
    values = scores[impostors]
    lowest_kept = np.partition(values, len(values) - count)[len(values) - count]
    return np.concatenate([np.flatnonzero(labels), impostors[values >= lowest_kept]]), True


def _impostor_weight(
    labels: NDArray[np.bool_], groups: tuple[Rows, Rows], people: int
) -> Callable[[Floats], float]:
    """Return the total weight of impostor pairs as a function of the (P,) draws of each person."""
    from scipy.sparse import coo_array

    first, second = (group[~labels].astype(np.int32) for group in groups)
    same_person = first == second
    same_person_pairs = np.bincount(first[same_person], minlength=people).astype(np.float64)
    single_pairs = np.ones(int((~same_person).sum()), np.float32)
    ends = first[~same_person], second[~same_person]
    counts = coo_array((single_pairs, ends), shape=(people, people)).tocsr()
    table = counts.astype(np.float64)

    def weight(draws: Floats) -> float:
        return float(draws @ (table @ draws) + same_person_pairs @ draws)

    return weight
