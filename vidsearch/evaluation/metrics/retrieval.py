"""Ranked retrieval metrics: MAP@k, CMC, precision and recall at k.

Three conventions share the name MAP@100. Each is computed and named:

| convention | divided by | ranks used |
|---|---|---|
| ``iqiyi`` (official) | n | the top 100 |
| ``truncated`` | min(n, 100) | the top 100 |
| ``mediaeval`` | min(n, 100) | the top min(n, 100) |

n is the number of relevant items, found or not. A query without a relevant item scores 0 and is
counted in ``without_relevant``. Only the order of a list matters; callers that rank by similarity
break ties by id, lowest first, as the search index does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError, ShapeError

Floats = NDArray[np.float64]
Convention: TypeAlias = Literal["iqiyi", "truncated", "mediaeval"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)
LIMIT = 100
"""Ranks that MAP@100 looks at."""


@dataclass(frozen=True, slots=True, eq=False)
class Rankings:
    """Ranked answers of Q queries, best first, without duplicates.

    Attributes:
        hits: (Q, K) bool, True where the answer at that rank is right; False beyond a short list.
        relevant: (Q,) int64 number of relevant items of the query, found or not.
    """

    hits: NDArray[np.bool_]
    relevant: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.hits.ndim != 2 or self.hits.dtype != np.bool_:
            raise ShapeError(f"hits must be (Q, K) bool; got {self.hits.shape} {self.hits.dtype}")
        if self.relevant.shape != (len(self.hits),) or self.relevant.dtype != np.int64:
            raise ShapeError(
                f"relevant must be ({len(self.hits)},) int64; got {self.relevant.shape} "
                f"{self.relevant.dtype}"
            )
        wrong = np.flatnonzero(self.hits.sum(axis=1) > self.relevant)
        if len(wrong):
            row = int(wrong[0])
            raise ShapeError(
                f"query {row} has {int(self.hits[row].sum())} right answers but only "
                f"{int(self.relevant[row])} relevant items; drop duplicates from its list"
            )

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.hits)

    @staticmethod
    def of(lists: Sequence[ArrayLike], relevant: Sequence[int]) -> Rankings:
        """Return rankings from lists of unequal length.

        Args:
            lists: Q lists of flags, True for a right answer, best first.
            relevant: Number of relevant items of each query.

        Raises:
            ShapeError: A query has more right answers than relevant items.

        Example:
            >>> Rankings.of([[1, 0], [0, 0, 1]], [1, 2]).hits.astype(int).tolist()
            [[1, 0, 0], [0, 0, 1]]
        """
        rows = [np.asarray(flags, bool) for flags in lists]
        hits = np.zeros((len(rows), max(map(len, rows), default=0)), bool)
        for row, flags in enumerate(rows):
            hits[row, : len(flags)] = flags
        return Rankings(hits, np.asarray(relevant, np.int64).reshape(len(rows)))

    def select(self, rows: ArrayLike) -> Rankings:
        """Return the rankings of some queries, given by (N,) indices or (Q,) flags."""
        return Rankings(self.hits[rows], self.relevant[rows])  # type: ignore[index]


def average_precision(
    rankings: Rankings, convention: Convention = "iqiyi", limit: int = LIMIT
) -> Floats:
    """Return the average precision of each query.

    The precision at the rank of every right answer is summed over the ranks of the convention, then
    divided by the divisor of the convention.

    Args:
        rankings: Q queries.
        convention: See the module.
        limit: The 100 of MAP@100.

    Returns:
        (Q,) float64 in [0, 1]; 0 without a relevant item.

    Raises:
        ConfigError: An unknown convention, or a limit below 1.

    Source:
        ``iqiyi``: the script handed to the contestants of iQIYI-VID. ``mediaeval``: MediaEval,
        multimodal person discovery.

    Example:
        >>> three = Rankings.of([[1, 1, 0, 0, 1]], [3])
        >>> [round(float(average_precision(three, c)[0]), 4) for c in CONVENTIONS]
        [0.8667, 0.8667, 0.6667]
    """
    if convention not in CONVENTIONS:
        raise ConfigError(f"convention must be one of {', '.join(CONVENTIONS)}; got {convention!r}")
    _check_rank("limit", limit)
    hits = rankings.hits[:, :limit]
    ranks = np.arange(1, hits.shape[1] + 1)
    capped = np.minimum(rankings.relevant, limit)
    if convention == "mediaeval":
        hits = hits & (ranks <= capped[:, None])
    precision = np.cumsum(hits, axis=1) / ranks
    total = (precision * hits).sum(axis=1)
    divisor = rankings.relevant if convention == "iqiyi" else capped
    return np.asarray(total / np.maximum(divisor, 1), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class MeanAveragePrecision:
    """MAP under each convention.

    Attributes:
        per_query: Convention -> (Q,) average precisions.
        limit: The 100 of MAP@100.
        queries: Q, the divisor of the mean.
        without_relevant: Number of queries without a relevant item; they score 0 and count.
    """

    per_query: dict[Convention, Floats]
    limit: int
    queries: int
    without_relevant: int

    def mean(self, convention: Convention = "iqiyi") -> float:
        """Return the mean over queries."""
        return float(self.per_query[convention].mean())


def mean_average_precision(rankings: Rankings, limit: int = LIMIT) -> MeanAveragePrecision:
    """Return MAP@limit under all three conventions.

    Raises:
        ConfigError: No query, or a limit below 1.
    """
    if not len(rankings):
        raise ConfigError("MAP needs at least one query; got none")
    return MeanAveragePrecision(
        {name: average_precision(rankings, name, limit) for name in CONVENTIONS},
        limit,
        len(rankings),
        int((rankings.relevant == 0).sum()),
    )


def found_at(rankings: Rankings, k: int) -> Floats:
    """Return (Q,) 1 where a right answer is among the first ``k``, else 0.

    The mean over queries is the cumulative match characteristic (CMC) at ``k``.

    Raises:
        ConfigError: ``k`` is below 1.

    Example:
        >>> found_at(Rankings.of([[0, 1], [0, 0]], [1, 1]), 2).tolist()
        [1.0, 0.0]
    """
    _check_rank("k", k)
    return np.asarray(rankings.hits[:, :k].any(axis=1), np.float64)


def cmc(rankings: Rankings, longest: int) -> Floats:
    """Return the share of queries with a right answer within each rank.

    Args:
        rankings: Q queries.
        longest: Last rank.

    Returns:
        (longest,) float64 in [0, 1], ascending.

    Raises:
        ConfigError: No query, or ``longest`` is below 1.
    """
    _check_rank("longest", longest)
    if not len(rankings):
        raise ConfigError("a CMC needs at least one query; got none")
    hits = rankings.hits[:, :longest]
    reached = np.zeros((len(hits), longest), bool)
    reached[:, : hits.shape[1]] = np.logical_or.accumulate(hits, axis=1)
    if 0 < hits.shape[1] < longest:
        reached[:, hits.shape[1] :] = reached[:, hits.shape[1] - 1 : hits.shape[1]]
    return np.asarray(reached.mean(axis=0), np.float64)


def precision_at(rankings: Rankings, k: int) -> Floats:
    """Return (Q,) right answers among the first ``k``, divided by ``k``, also for short lists.

    Raises:
        ConfigError: ``k`` is below 1.
    """
    _check_rank("k", k)
    return np.asarray(rankings.hits[:, :k].sum(axis=1) / k, np.float64)


def recall_at(rankings: Rankings, k: int) -> Floats:
    """Return (Q,) right answers among the first ``k``, divided by the relevant items, or 0.

    Raises:
        ConfigError: ``k`` is below 1.
    """
    _check_rank("k", k)
    right_answers = rankings.hits[:, :k].sum(axis=1)
    return np.asarray(right_answers / np.maximum(rankings.relevant, 1), np.float64)


def deduplicated(items: Sequence[str]) -> list[str]:
    """Return the items without repetitions, the first one kept, as the official script does."""
    return list(dict.fromkeys(items))


def _check_rank(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name} must be at least 1; got {value}")
