"""What every report of ranked retrieval has in common: MAP's conventions, curves, scores."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics import retrieval
from vidsearch.evaluation.metrics.bootstrap import Interval, bootstrap_mean
from vidsearch.evaluation.metrics.retrieval import CONVENTIONS, Convention, Rankings
from vidsearch.evaluation.report import Headline, Measure, ReportTable, Scores

NAMES: dict[Convention, str] = {
    "iqiyi": "MAP@100, iQIYI official",
    "truncated": "MAP@100, truncated",
    "mediaeval": "MAP, MediaEval person discovery",
}
SOURCES = (
    "MAP@100, iQIYI official: divided by n, all that is relevant; looks at the top 100",
    "MAP@100, truncated: divided by min(n, 100); looks at the top 100",
    "MAP, MediaEval person discovery: divided by min(n, 100); looks at the top min(n, 100)",
    "Intervals: 95 % percentile bootstrap over identities, 2,000 draws",
)
RANKS = (1, 5, 10, 20, 100)


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalFigures:
    """All figures of one ranked list per query.

    Attributes:
        rankings: Q queries.
        queries: Q names, unique.
        identities: Q identities.
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
        """Compute them.

        Raises:
            ConfigError: No query.
        """
        scored = retrieval.mean_average_precision(rankings).per_query
        intervals = {name: bootstrap_mean(scored[name], identities) for name in CONVENTIONS}
        return RetrievalFigures(rankings, tuple(queries), tuple(identities), scored, intervals)

    def headlines(self) -> tuple[Headline, ...]:
        one = self.intervals["iqiyi"]
        note = f"{one.queries:,} queries of {one.identities:,} identities"
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
        return ReportTable(
            "map",
            "Mean average precision in the three conventions that go under the name",
            ("convention", "MAP", "from", "to", "queries", "identities"),
            tuple(
                (NAMES[name], line.mean, line.low, line.high, line.queries, line.identities)
                for name, line in self.intervals.items()
            ),
        )

    def ranks_table(self) -> ReportTable:
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
        columns: dict[str, Any] = {"id": list(self.queries), "identity": list(self.identities)}
        columns |= {f"ap_{name}": self.per_query[name] for name in CONVENTIONS}
        columns["rank_1"] = retrieval.found_at(self.rankings, 1)
        columns["relevant"] = self.rankings.relevant
        measures = tuple(Measure(NAMES[name], column=f"ap_{name}") for name in CONVENTIONS)
        return Scores(
            "query", columns, (*measures, Measure("rank-1", column="rank_1")), ("identity",)
        )


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the hash of a file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(
            f"{os.fspath(path)!r} cannot be read ({error.strerror}); check the path"
        ) from error
