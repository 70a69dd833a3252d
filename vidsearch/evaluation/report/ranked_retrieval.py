"""Figures of ranked retrieval for reports: MAP in three conventions, rank-k and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.evaluation.metrics import retrieval
from vidsearch.evaluation.metrics.bootstrap import Interval, bootstrap_mean
from vidsearch.evaluation.metrics.retrieval import CONVENTIONS, Convention, Rankings
from vidsearch.evaluation.report.report import Headline, Measure, ReportTable, Scores

NAMES: dict[Convention, str] = {
    "iqiyi": "MAP@100, iQIYI official",
    "truncated": "MAP@100, truncated",
    "mediaeval": "MAP, MediaEval person discovery",
}
SOURCES = (
    "MAP@100, iQIYI official: divided by n, the number of relevant items; uses the top 100",
    "MAP@100, truncated: divided by min(n, 100); uses the top 100",
    "MAP, MediaEval person discovery: divided by min(n, 100); uses the top min(n, 100)",
    "Intervals: 95 % percentile bootstrap over identities, 2,000 draws",
)
RANKS = (1, 5, 10, 20, 100)


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalFigures:
    """Figures of Q ranked lists.

    Attributes:
        rankings: Ranked answers of the Q queries.
        queries: Unique name of each query.
        identities: Identity of each query.
        per_query: Convention -> (Q,) average precisions.
        intervals: Convention -> MAP with its interval.
    """

    rankings: Rankings
    queries: tuple[str, ...]
    identities: tuple[str, ...]
    per_query: dict[Convention, NDArray[np.float64]]
    intervals: dict[Convention, Interval]

    @staticmethod
    def of(
        rankings: Rankings, queries: Sequence[str], identities: Sequence[str]
    ) -> RetrievalFigures:
        """Compute the figures.

        Args:
            rankings: Ranked answers of Q queries.
            queries: Unique name of each query.
            identities: Identity of each query, resampled as a whole.

        Raises:
            ConfigError: No query.
        """
        scored = retrieval.mean_average_precision(rankings).per_query
        intervals = {name: bootstrap_mean(scored[name], identities) for name in CONVENTIONS}
        return RetrievalFigures(rankings, tuple(queries), tuple(identities), scored, intervals)

    def headlines(self) -> tuple[Headline, ...]:
        """Return MAP in all conventions, and rank-1."""
        official = self.intervals["iqiyi"]
        note = f"{official.queries:,} queries of {official.identities:,} identities"
        rank = bootstrap_mean(retrieval.found_at(self.rankings, 1), self.identities)
        return (
            *(
                Headline(
                    NAMES[name],
                    f"{line.mean:.4f}",
                    f"95 % interval {line.low:.4f} to {line.high:.4f}; {note}",
                    (line.mean, line.low, line.high),
                )
                for name, line in self.intervals.items()
            ),
            Headline("rank-1", f"{rank.mean:.4f}", note, (rank.mean, rank.low, rank.high)),
        )

    def conventions_table(self) -> ReportTable:
        """Return MAP in all conventions, with intervals."""
        return ReportTable(
            "map",
            "Mean average precision in its three conventions",
            ("convention", "MAP", "from", "to", "queries", "identities"),
            tuple(
                (NAMES[name], line.mean, line.low, line.high, line.queries, line.identities)
                for name, line in self.intervals.items()
            ),
        )

    def ranks_table(self) -> ReportTable:
        """Return rank-k, precision and recall at each k."""
        rows = []
        for k in RANKS:
            rank = bootstrap_mean(retrieval.found_at(self.rankings, k), self.identities)
            precision = retrieval.precision_at(self.rankings, k).mean()
            recall = retrieval.recall_at(self.rankings, k).mean()
            rows.append((k, rank.mean, rank.low, rank.high, float(precision), float(recall)))
        return ReportTable(
            "ranks",
            "Share of queries with a right answer within k (rank-k), precision and recall at k",
            ("k", "rank-k", "from", "to", "precision at k", "recall at k"),
            tuple(rows),
        )

    def metrics(self) -> dict[str, Any]:
        """Return all figures for ``metrics.json``."""
        return {
            "map": {
                name: {"value": line.mean, "interval": [line.low, line.high]}
                for name, line in self.intervals.items()
            },
            "queries": len(self.queries),
            "identities": len(set(self.identities)),
            "without_relevant": int((self.rankings.relevant == 0).sum()),
            "cmc": {str(k): float(retrieval.found_at(self.rankings, k).mean()) for k in RANKS},
            "precision_at": {
                str(k): float(retrieval.precision_at(self.rankings, k).mean()) for k in RANKS
            },
            "recall_at": {
                str(k): float(retrieval.recall_at(self.rankings, k).mean()) for k in RANKS
            },
        }

    def scores(self) -> Scores:
        """Return one row per query, for comparisons with other reports."""
        columns: dict[str, Any] = {"id": list(self.queries), "identity": list(self.identities)}
        columns |= {f"ap_{name}": self.per_query[name] for name in CONVENTIONS}
        columns["rank_1"] = retrieval.found_at(self.rankings, 1)
        columns["relevant"] = self.rankings.relevant
        measures = tuple(Measure(NAMES[name], column=f"ap_{name}") for name in CONVENTIONS)
        return Scores(
            "query", columns, (*measures, Measure("rank-1", column="rank_1")), ("identity",)
        )
