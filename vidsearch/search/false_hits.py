"""How many strangers reach a confidence by chance, among the tracks of an archive.

Nearly all tracks show somebody else than the person searched for, so the query's own similarities
say how near strangers come to it: this photo, this archive's light and blur. What is wanted lies
beyond them, where strangers and the person mix, so it is extrapolated, in two ways: distances
sqrt(2 - 2 cosine) between a query and strangers are close to normal, and so are their logarithms,
whose tail is lighter. What came lay between both (figures in docs/evaluation.md): their mean is the
estimate, and the interval reaches from the lower end of the one to the upper end of the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError
from vidsearch.results.threshold_advice import (
    FEWEST_TRACKS,
    FEWEST_VIDEOS,
    LEVELS,
    CertainPairs,
    FalseHits,
)

_DRAWS = 100
_DOUBT = 0.05
_MIDDLE, _HIGH = 0.5, 0.95
_HIGH_Z = 1.6448536269514722  # the normal quantile of 0.95
_FITS = 5

Floats = NDArray[np.float64]


def expected_false_hits(
    similarities: ArrayLike,
    videos: ArrayLike,
    tracks: int,
    bars: Sequence[float],
    certain: CertainPairs | None = None,
) -> tuple[FalseHits, ...]:
    """Return the expected number of strangers above each bar.

    Args:
        similarities: (M,) cosines of the query with a random part of the tracks.
        videos: (M,) what video each is in, any integers: tracks of one video are alike, so the
            interval resamples videos.
        tracks: Tracks searched.
        bars: Cosine of each of ``LEVELS``, and last the one above which a track may well show the
            person: those are left out of the fit.
        certain: Corrects the estimate.

    Returns:
        One per level; none where fewer than ``FEWEST_TRACKS`` strangers in ``FEWEST_VIDEOS`` videos
        were compared with.

    Raises:
        ConfigError: Similarities are not finite, or shapes do not fit.
    """
    cosines, groups = np.asarray(similarities, np.float64), np.asarray(videos)
    if cosines.ndim != 1 or groups.shape != cosines.shape or not np.isfinite(cosines).all():
        raise ConfigError("similarities must be finite, one a track, and so must videos")
    if len(bars) != len(LEVELS) + 1:
        raise ConfigError(f"there must be {len(LEVELS) + 1} bars; got {len(bars)}")
    strangers = cosines < bars[-1]
    _, numbers = np.unique(groups[strangers], return_inverse=True)
    if strangers.sum() < FEWEST_TRACKS or numbers.max(initial=-1) + 1 < FEWEST_VIDEOS:
        return ()
    means, lows, highs = _shares(cosines[strangers], numbers, np.array(bars))
    factors = (certain if certain is not None else CertainPairs()).factors
    return tuple(
        FalseHits(
            level,
            float(min(mean * factor, 1.0) * tracks),
            float(min(low * factor, 1.0) * tracks),
            float(min(high * factor, 1.0) * tracks),
        )
        for level, mean, low, high, factor in zip(LEVELS, means, lows, highs, factors, strict=True)
    )


def expected_shares(similarities: ArrayLike, bars: Sequence[float]) -> tuple[float, ...]:
    """Return the share of strangers above each level, as ``expected_false_hits``, uncorrected.

    Args:
        similarities: (M,) cosines, at least two different ones below the last bar.
        bars: As there.
    """
    cosines = np.asarray(similarities, np.float64)
    cosines = cosines[cosines < bars[-1]]
    shares = _tails(cosines, np.ones((1, len(cosines))), np.array(bars))
    return tuple(np.mean(shares, axis=0)[0].tolist())


def _shares(cosines: Floats, videos: NDArray[np.intp], bars: Floats) -> tuple[Floats, ...]:
    """Return mean, lower and upper end of the share above each bar."""
    count = int(videos.max()) + 1
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=_DRAWS)
    weights = np.concatenate([np.ones((1, len(cosines))), drawn[:, videos]])
    heavy, light = _tails(cosines, weights, bars)
    mean = (heavy[0] + light[0]) / 2
    low = np.quantile(np.minimum(heavy, light)[1:], _DOUBT / 2, axis=0)
    high = np.quantile(np.maximum(heavy, light)[1:], 1 - _DOUBT / 2, axis=0)
    return mean, np.minimum(low, mean), np.maximum(high, mean)


def _distance(cosines: Floats) -> Floats:
    return -np.sqrt(np.maximum(2 - 2 * cosines, 1e-12))


def _log_distance(cosines: Floats) -> Floats:
    return -np.log(np.maximum(2 - 2 * cosines, 1e-12))


_SHAPES = (_distance, _log_distance)


def _tails(cosines: Floats, weights: Floats, bars: Floats) -> list[Floats]:
    """Return (rows, levels) for each shape: the share of strangers above each bar.

    Args:
        cosines: (M,) all below the last bar.
        weights: (rows, M) how often each counts.
        bars: As in ``expected_false_hits``.
    """
    order = np.argsort(cosines, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    reached /= reached[:, -1:]
    return [_beyond(shape(cosines[order]), reached, shape(bars)) for shape in _SHAPES]


def _beyond(values: Floats, reached: Floats, limits: Floats) -> Floats:
    """Return (rows, levels): the share of strangers above each limit but the last.

    A normal is laid through the median and the 0.95 quantile of the values. Tracks above the last
    limit were left out, strangers or not; how many of them are strangers follows from the normal
    itself, so it is fitted a few times over.
    """
    inside = np.ones(len(reached))
    for _ in range(_FITS):
        middle, high = (values[_reaching(reached, part / inside)] for part in (_MIDDLE, _HIGH))
        scale = np.maximum((high - middle) / _HIGH_Z, 1e-9)
        shares = _upper((limits[None] - middle[:, None]) / scale[:, None])
        inside = np.maximum(1 - shares[:, -1], _HIGH)
    return shares[:, :-1]


def _reaching(reached: Floats, parts: Floats) -> NDArray[np.intp]:
    """Return for each row the first place where the cumulated weight reaches a part."""
    found = [row.searchsorted(part) for row, part in zip(reached, parts, strict=True)]
    return np.asarray(np.minimum(found, reached.shape[1] - 1), np.intp)


def _upper(z: Floats) -> Floats:
    """Return the share of a standard normal above each number."""
    return np.array(
        [[0.5 * math.erfc(value / math.sqrt(2)) for value in row] for row in z.tolist()]
    )
