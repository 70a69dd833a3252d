"""Expected number of impostors that reach a confidence by chance, among the tracks of an archive.

Nearly all tracks show other people than the person searched for. The query's own similarities
therefore tell how near impostors come to this query in this archive. The counts needed lie beyond
them, where impostors and the person mix, so they are extrapolated in two ways. Distances
sqrt(2 - 2 cosine) between a query and impostors are close to normal, and so are their logarithms,
whose tail is lighter. Measured counts lay between both (figures in docs/results/accuracy.md). The
estimate is the mean of both; the interval reaches from the lower end of one to the upper end of
the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError
from vidsearch.results.threshold_advice import (
    FEWEST_TRACKS,
    FEWEST_VIDEOS,
    LEVELS,
    FalseHits,
    KnownImpostorPairs,
)

_RESAMPLES = 100
_OUTSIDE = 0.05  # share of resamples outside the interval
_MIDDLE, _HIGH = 0.5, 0.95
_HIGH_Z = 1.6448536269514722  # normal quantile of 0.95
_FITS = 5

Floats = NDArray[np.float64]


def expected_false_hits(
    similarities: ArrayLike,
    videos: ArrayLike,
    tracks: int,
    thresholds: Sequence[float],
    impostor_pairs: KnownImpostorPairs | None = None,
) -> tuple[FalseHits, ...]:
    """Return the expected number of impostors above each threshold.

    Args:
        similarities: (M,) cosines of the query with a random sample of the tracks.
        videos: (M,) integers, equal for tracks of one video. Such tracks are alike, so the interval
            resamples videos.
        tracks: Number of tracks searched.
        thresholds: Cosine of each of ``LEVELS``, then the cosine above which a track may show the
            person. Tracks above the last one are left out of the fit.
        impostor_pairs: Pairs that correct the estimate.

    Returns:
        One per level; empty with fewer than ``FEWEST_TRACKS`` impostors in ``FEWEST_VIDEOS``
        videos.

    Raises:
        ConfigError: Similarities are not finite, or shapes do not fit.
    """
    cosines, groups = np.asarray(similarities, np.float64), np.asarray(videos)
    if cosines.ndim != 1 or groups.shape != cosines.shape or not np.isfinite(cosines).all():
        raise ConfigError(
            "similarities must be finite, one per track, with one video per track; got shapes "
            f"{cosines.shape} and {groups.shape}"
        )
    if len(thresholds) != len(LEVELS) + 1:
        raise ConfigError(f"there must be {len(LEVELS) + 1} thresholds; got {len(thresholds)}")
    impostors = cosines < thresholds[-1]
    _, numbers = np.unique(groups[impostors], return_inverse=True)
    if impostors.sum() < FEWEST_TRACKS or numbers.max(initial=-1) + 1 < FEWEST_VIDEOS:
        return ()
    means, lows, highs = _shares(cosines[impostors], numbers, np.array(thresholds))
    pairs = impostor_pairs if impostor_pairs is not None else KnownImpostorPairs()
    return tuple(
        FalseHits(
            level,
            float(min(mean * factor, 1.0) * tracks),
            float(min(low * factor, 1.0) * tracks),
            float(min(high * factor, 1.0) * tracks),
        )
        for level, mean, low, high, factor in zip(
            LEVELS, means, lows, highs, pairs.factors, strict=True
        )
    )


def expected_shares(similarities: ArrayLike, thresholds: Sequence[float]) -> tuple[float, ...]:
    """Return the share of impostors above each level; ``expected_false_hits`` without correction.

    Args:
        similarities: (M,) cosines, at least two different ones below the last threshold.
        thresholds: As in ``expected_false_hits``.
    """
    cosines = np.asarray(similarities, np.float64)
    cosines = cosines[cosines < thresholds[-1]]
    shares = _tails(cosines, np.ones((1, len(cosines))), np.array(thresholds))
    return tuple(np.mean(shares, axis=0)[0].tolist())


def _shares(cosines: Floats, videos: NDArray[np.intp], thresholds: Floats) -> tuple[Floats, ...]:
    """Return mean, lower and upper end of the share above each threshold."""
    count = int(videos.max()) + 1
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)
    weights = np.concatenate([np.ones((1, len(cosines))), drawn[:, videos]])
    heavy, light = _tails(cosines, weights, thresholds)
    mean = (heavy[0] + light[0]) / 2
    low = np.quantile(np.minimum(heavy, light)[1:], _OUTSIDE / 2, axis=0)
    high = np.quantile(np.maximum(heavy, light)[1:], 1 - _OUTSIDE / 2, axis=0)
    return mean, np.minimum(low, mean), np.maximum(high, mean)


def _distance(cosines: Floats) -> Floats:
    return -np.sqrt(np.maximum(2 - 2 * cosines, 1e-12))


def _log_distance(cosines: Floats) -> Floats:
    return -np.log(np.maximum(2 - 2 * cosines, 1e-12))


def _tails(cosines: Floats, weights: Floats, thresholds: Floats) -> list[Floats]:
    """Return for each shape of the tail the (rows, levels) share of impostors above each level.

    Args:
        cosines: (M,) all below the last threshold.
        weights: (rows, M) weight of each cosine.
        thresholds: As in ``expected_false_hits``.
    """
    order = np.argsort(cosines, kind="stable")
    cumulated = np.cumsum(weights[:, order], axis=1)
    cumulated /= cumulated[:, -1:]
    return [
        _shares_above(shape(cosines[order]), cumulated, shape(thresholds))
        for shape in (_distance, _log_distance)
    ]


def _shares_above(values: Floats, cumulated: Floats, limits: Floats) -> Floats:
    """Return the (rows, levels) share of impostors above each limit but the last.

    A normal distribution is fitted through the median and the 0.95 quantile of the values. Tracks
    above the last limit were left out, and some of them are impostors. The fitted distribution
    itself tells how many, so the fit is repeated a few times.
    """
    # scipy is heavy, and a search without an estimate does not need it.
    from scipy.special import ndtr

    inside = np.ones(len(cumulated))
    for _ in range(_FITS):
        middle, high = (values[_quantile_rows(cumulated, q / inside)] for q in (_MIDDLE, _HIGH))
        scale = np.maximum((high - middle) / _HIGH_Z, 1e-9)
        shares: Floats = ndtr((middle[:, None] - limits[None]) / scale[:, None])
        inside = np.maximum(1 - shares[:, -1], _HIGH)
    return shares[:, :-1]


def _quantile_rows(cumulated: Floats, quantiles: Floats) -> NDArray[np.intp]:
    """Return for each row the first column whose cumulated weight reaches the row's quantile."""
    columns = [row.searchsorted(q) for row, q in zip(cumulated, quantiles, strict=True)]
    return np.asarray(np.minimum(columns, cumulated.shape[1] - 1), np.intp)
