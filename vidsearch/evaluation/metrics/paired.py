"""Paired bootstrap: the difference of two systems on the same rows, resampled by person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.verification import crossing, operating_point
from vidsearch.models.pair_scores import checked_pairs

Floats = NDArray[np.float64]
Weighted = Callable[[Floats], float]
"""A measure as a function of (N,) weights: a row of weight w counts as w equal rows."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems measured on the same rows.

    Attributes:
        a: Value of the first system.
        b: Value of the second system.
        low: 2.5th percentile of b - a over resamples.
        high: 97.5th percentile of b - a over resamples.
        b_above: Share of resamples in which b is above a; ties count half.
        resamples: Number of resamples in which both systems could be scored.
    """

    a: float
    b: float
    low: float
    high: float
    b_above: float
    resamples: int

    @property
    def difference(self) -> float:
        """Value of the second system minus that of the first."""
        return self.b - self.a


def compare(
    a: Weighted,
    b: Weighted,
    groups: Sequence[NDArray[np.intp]],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Return both measures and the bootstrap interval of their difference.

    Groups (people) are drawn with replacement. The weight of a row is the product of the counts of
    its people, so a pair of two people takes part only if both were drawn. Resamples in which a
    measure is undefined, because no genuine pair is left, are skipped.

    Args:
        a: Measure of the first system.
        b: Measure of the second system.
        groups: One or two (N,) arrays of group numbers from 0. A row whose two groups are equal
            takes the count of that group once.
        resamples: Number of resamples.
        seed: Seed of the random numbers.

    Raises:
        ConfigError: No rows, or no resample can be scored.

    Source:
        Efron and Tibshirani 1993, section 8.3 (clusters) and 13.3 (percentile interval); for pairs
        of people the "subsets bootstrap" of Bolle, Ratha and Pankanti 2004.
    """
    found_a, found_b = (measure(np.ones(_rows(groups))) for measure in (a, b))
    drawn = resampled((a, b), groups, resamples=resamples, seed=seed)
    differences = drawn[:, 1] - drawn[:, 0]
    low, high = np.percentile(differences, [2.5, 97.5])
    above = float(np.mean((differences > 0) + 0.5 * (differences == 0)))
    return Comparison(found_a, found_b, float(low), float(high), above, len(drawn))


def interval(
    measure: Weighted,
    groups: Sequence[NDArray[np.intp]],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the middle 95 % of a measure over resamples drawn as in :func:`compare`.

    Args:
        measure: Function of (N,) weights.
        groups: One or two (N,) arrays of group numbers from 0.
        resamples: Number of resamples.
        seed: Seed of the random numbers.

    Raises:
        ConfigError: No rows, or no resample can be scored.
    """
    drawn = resampled((measure,), groups, resamples=resamples, seed=seed)
    low, high = np.percentile(drawn[:, 0], [2.5, 97.5])
    return float(low), float(high)


def resampled(
    measures: Sequence[Weighted],
    groups: Sequence[NDArray[np.intp]],
    *,
    resamples: int,
    seed: int = 0,
) -> Floats:
    """Return the values of all measures in every resample in which all of them are defined.

    Args:
        measures: M functions of (N,) weights.
        groups: One or two (N,) arrays of group numbers from 0.
        resamples: Number of resamples.
        seed: Seed of the random numbers.

    Returns:
        (R, M) values, R at most ``resamples``.

    Raises:
        ConfigError: No rows, or no such resample.
    """
    count = int(max(group.max() for group in groups)) + 1 if _rows(groups) else 0
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        draws = rng.multinomial(count, np.full(count, 1 / count)).astype(np.float64)
        weights = draws[groups[0]]
        if len(groups) > 1:
            weights = np.where(groups[0] == groups[1], weights, weights * draws[groups[1]])
        values = [measure(weights) for measure in measures]
        if np.isfinite(values).all():
            drawn.append(values)
    if not drawn:
        raise ConfigError(
            f"none of {resamples} resamples has what the measure needs; evaluate more people"
        )
    return np.array(drawn)


def _rows(groups: Sequence[NDArray[np.intp]]) -> int:
    if not groups or not len(groups[0]):
        raise ConfigError("there are no rows to resample")
    return len(groups[0])


def weighted_mean(values: ArrayLike) -> Weighted:
    """Return the mean as a function of weights.

    Args:
        values: (N,) values; rows that are not finite are left out.
    """
    column = np.asarray(values, np.float64)
    finite = np.isfinite(column)
    filled = np.where(finite, column, 0.0)

    def mean(weights: Floats) -> float:
        total = float(weights[finite].sum())
        return float(weights @ filled) / total if total else float("nan")

    return mean


def weighted_tar(similarities: ArrayLike, genuine: ArrayLike, *, far: float) -> Weighted:
    """Return TAR at a FAR as a function of weights.

    Args:
        similarities: (N,) similarities, higher is closer.
        genuine: (N,) True for genuine pairs.
        far: Highest false accept rate, in [0, 1].
    """
    counts = _weighted_accepts(similarities, genuine)

    def tar(weights: Floats) -> float:
        true_accepts, false_accepts = counts(weights)
        if not true_accepts[-1] or not false_accepts[-1]:
            return float("nan")
        unused_thresholds = np.zeros(len(true_accepts))
        return operating_point(unused_thresholds, true_accepts, false_accepts, far=far).tar

    return tar


def weighted_equal_error_rate(similarities: ArrayLike, genuine: ArrayLike) -> Weighted:
    """Return the equal error rate as a function of weights.

    Args:
        similarities: (N,) similarities, higher is closer.
        genuine: (N,) True for genuine pairs.
    """
    counts = _weighted_accepts(similarities, genuine)

    def rate(weights: Floats) -> float:
        true_accepts, false_accepts = counts(weights)
        if not true_accepts[-1] or not false_accepts[-1]:
            return float("nan")
        return crossing(false_accepts / false_accepts[-1], true_accepts / true_accepts[-1])

    return rate


def _weighted_accepts(
    similarities: ArrayLike, genuine: ArrayLike
) -> Callable[[Floats], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    scores, labels = checked_pairs(similarities, genuine)
    order = np.argsort(-scores, kind="stable")
    ranked, same = scores[order], labels[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)

    def counts(weights: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ordered_weights = weights[order]
        genuine_counts = np.cumsum(np.where(same, ordered_weights, 0.0))[ends]
        impostor_counts = np.cumsum(np.where(same, 0.0, ordered_weights))[ends]
        return (
            np.append(0, genuine_counts).astype(np.int64),
            np.append(0, impostor_counts).astype(np.int64),
        )

    return counts
