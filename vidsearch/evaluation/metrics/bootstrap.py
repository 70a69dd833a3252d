"""Confidence interval of a mean over queries: bootstrap over identities.

Identities are resampled instead of queries, because the queries of one identity are correlated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError

Floats = NDArray[np.float64]
SAMPLES = 2000
LEVEL = 0.95
_CELLS = 12_000_000
"""Draws times identities held in memory at a time: 96 MB."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its percentile interval.

    Attributes:
        mean: Mean over all queries.
        low: Lower end; equal to ``mean`` if there is only one identity.
        high: Upper end; equal to ``mean`` if there is only one identity.
        queries: Number of values.
        identities: Number of identities.
        level: Share of the resampled means inside the interval.
    """

    mean: float
    low: float
    high: float
    queries: int
    identities: int
    level: float = LEVEL

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap_mean(
    values: ArrayLike,
    identities: Sequence[object] | None = None,
    *,
    samples: int = SAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Return the mean of ``values`` with a percentile interval, whole identities resampled.

    The same values, identities and seed give the same interval.

    Args:
        values: (N,) finite values, one per query.
        identities: Identity of each query; queries of one identity are drawn together. None: every
            query is an identity of its own.
        samples: Number of draws.
        level: Share of draws inside the interval.
        seed: Seed of the draws.

    Raises:
        ConfigError: No value, one that is not finite, unequal lengths, or a bad option.

    Source:
        Efron and Tibshirani 1993, chapter 13 (percentile interval), with identities as clusters.

    Example:
        >>> print(bootstrap_mean([0.5, 0.5, 0.5]))
        0.5000 [0.5000, 0.5000]
    """
    numbers, draws, count = _draws(values, identities, samples, level, seed)
    low, high = _percentiles(draws, level)
    return Interval(float(numbers.mean()), low, high, len(numbers), count, level)


def _draws(
    values: ArrayLike, identities: Sequence[object] | None, samples: int, level: float, seed: int
) -> tuple[Floats, Floats, int]:
    """Return the values, ``samples`` resampled means, and the number of identities."""
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise ConfigError(
            f"values must be a non-empty list of finite numbers; got shape {numbers.shape}"
        )
    keys: Sequence[object] = identities if identities is not None else range(len(numbers))
    if len(keys) != len(numbers):
        raise ConfigError(
            f"each value needs one identity; got {len(keys)} for {len(numbers)} values"
        )
    if samples < 1 or not 0 < level < 1:
        raise ConfigError(f"samples must be at least 1 and level in (0, 1); got {samples}, {level}")
    order: dict[object, int] = {}
    group = np.array([order.setdefault(key, len(order)) for key in keys], np.intp)
    sums = np.bincount(group, numbers)
    counts = np.bincount(group).astype(np.float64)
    n = len(order)
    drawn = _cached_times(n, samples, seed) if n * samples <= _CELLS else _times(n, samples, seed)
    means = [(times @ sums) / (times @ counts) for times in drawn]
    return numbers, np.concatenate(means), n


def _times(n: int, samples: int, seed: int) -> Iterator[Floats]:
    """Yield (S, n) blocks: the number of times each identity is drawn in each sample."""
    rng = np.random.default_rng(seed)
    step = max(_CELLS // n, 1)
    for start in range(0, samples, step):
        size = min(step, samples - start)
        yield rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)


@lru_cache(maxsize=1)
def _cached_times(n: int, samples: int, seed: int) -> tuple[Floats, ...]:
    """Return cached draws: one report needs a dozen intervals over the same identities."""
    return tuple(_times(n, samples, seed))


def _percentiles(draws: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
