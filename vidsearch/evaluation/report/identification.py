"""1:N figures as a report shows them: rank-k, CMC, TPIR at FPIR, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.evaluation.metrics.bootstrap import Interval, bootstrap_mean
from vidsearch.evaluation.metrics.identification import Searches
from vidsearch.evaluation.metrics.open_set import OpenSetPoint, tpir_at_fpir
from vidsearch.evaluation.report import Figure, Headline, ReportTable
from vidsearch.evaluation.report.figures import cmc

RANKS = (1, 5, 10)
FPIRS = (0.01, 0.1)
LONGEST = 100
"""Ranks drawn."""

CONVENTIONS = (
    "rank-k: share of the probes with a mate whose mate is among the first k; ties count against",
    "TPIR at FPIR (ISO/IEC 19795-1, NIST FRVT): the mate comes first and reaches the threshold",
    "that threshold: at most the FPIR's share of the probes without a mate gets an answer",
    "intervals: 95 % percentile bootstrap over identities, 2,000 draws, at the threshold found",
)


@dataclass(frozen=True, slots=True, eq=False)
class Identified:
    """The figures of one gallery.

    Attributes:
        name: Of the gallery.
        searches: What its probes brought up.
        enrolled: Templates in it.
        ranks: k -> rank-k with its interval.
        open_set: FPIR -> operating point; empty where every probe has a mate.
        tpir: FPIR -> TPIR with its interval at that point's threshold.
    """

    name: str
    searches: Searches = field(repr=False)
    enrolled: int
    ranks: dict[int, Interval]
    open_set: dict[float, OpenSetPoint]
    tpir: dict[float, Interval]

    def metrics(self) -> dict[str, Any]:
        mated = int(self.searches.mated.sum())
        return {
            "enrolled": self.enrolled,
            "mated_probes": mated,
            "non_mated_probes": len(self.searches.mated) - mated,
            "rank_k": {str(k): _with_interval(line) for k, line in self.ranks.items()},
            "tpir_at_fpir": {
                f"{fpir:g}": _with_interval(self.tpir[fpir])
                | {"threshold": point.threshold, "fpir": point.fpir}
                for fpir, point in self.open_set.items()
            },
        }


def _with_interval(line: Interval) -> dict[str, Any]:
    return {"value": line.mean, "interval_95": [line.low, line.high]}


def identified(
    name: str, searches: Searches, identities: Sequence[object], enrolled: int
) -> Identified:
    """Return the figures of one gallery.

    Raises:
        ConfigError: No probe has a mate in the gallery.
    """
    mated = searches.mated
    people = [who for who, there in zip(identities, mated, strict=True) if there]
    ranks = {k: bootstrap_mean(searches.found_within(k)[mated], people) for k in RANKS}
    points: dict[float, OpenSetPoint] = {}
    tpir: dict[float, Interval] = {}
    if not mated.all():
        right = searches.ranks == 1
        for fpir in FPIRS:
            best = searches.best
            points[fpir] = tpir_at_fpir(best[mated], right[mated], best[~mated], fpir=fpir)
            passed = right & (best >= points[fpir].threshold)
            tpir[fpir] = bootstrap_mean(passed[mated].astype(np.float64), people)
    return Identified(name, searches, enrolled, ranks, points, tpir)


def identification_table(found: Sequence[Identified]) -> ReportTable:
    """Return a row per gallery and, of several, the mean over them."""
    columns = (
        "gallery", "enrolled", "mated probes", "others", *(f"rank-{k}" for k in RANKS),
        *(f"TPIR at FPIR {fpir:g}" for fpir in FPIRS),
    )  # fmt: skip
    rows: list[tuple[str | int | float | None, ...]] = []
    for one in found:
        mated = int(one.searches.mated.sum())
        rows.append(
            (one.name, one.enrolled, mated, len(one.searches.mated) - mated,
             *(one.ranks[k].mean for k in RANKS),
             *(one.tpir[fpir].mean if fpir in one.tpir else None for fpir in FPIRS))
        )  # fmt: skip
    if len(found) > 1:
        rows.append(("mean", None, None, None, *means(found).values()))
    return ReportTable(
        "identification",
        "Identification: closed set (rank-k) and open set (TPIR at FPIR)",
        columns,
        tuple(rows),
    )


def means(found: Sequence[Identified]) -> dict[str, float | None]:
    """Return every figure's mean over galleries."""
    values: dict[str, float | None] = {
        f"rank_{k}": float(np.mean([one.ranks[k].mean for one in found])) for k in RANKS
    }
    for fpir in FPIRS:
        known = [one.tpir[fpir].mean for one in found if fpir in one.tpir]
        values[f"tpir_at_fpir_{fpir:g}"] = float(np.mean(known)) if known else None
    return values


def intervals_table(found: Sequence[Identified]) -> ReportTable:
    """Return every figure with its interval and, of TPIR, its threshold."""
    rows: list[tuple[str | float | None, ...]] = []
    for one in found:
        for k, line in one.ranks.items():
            rows.append((one.name, f"rank-{k}", line.mean, line.low, line.high, None))
        for fpir, line in one.tpir.items():
            threshold = one.open_set[fpir].threshold
            shown = threshold if np.isfinite(threshold) else None
            rows.append((one.name, f"TPIR at FPIR {fpir:g}", line.mean, line.low, line.high, shown))
    return ReportTable(
        "identification-intervals",
        "95 % intervals over identities",
        ("gallery", "figure", "value", "from", "to", "threshold (cosine)"),
        tuple(rows),
    )


def cmc_figure(found: Sequence[Identified]) -> Figure:
    """Draw one curve a gallery."""
    return cmc({one.name: cmc_of(one.searches) for one in found})


def cmc_of(searches: Searches) -> NDArray[np.float64]:
    """Return the share of mated probes found within each rank up to ``LONGEST``."""
    ranks = searches.ranks[searches.mated]
    return np.array([float((ranks <= k).mean()) for k in range(1, LONGEST + 1)])


def headlines(found: Sequence[Identified]) -> tuple[Headline, ...]:
    """Return rank-1 and TPIR, one number each: of several galleries the mean."""
    one = found[0]
    average = means(found)
    notes: Mapping[str, str] = (
        {
            "rank": f"{_range(one.ranks[1])}; {one.ranks[1].queries:,} probes of "
            f"{one.ranks[1].identities:,} identities",
            **{f"{fpir:g}": _range(line) for fpir, line in one.tpir.items()},
        }
        if len(found) == 1
        else {"rank": f"mean of {len(found)} galleries"}
    )
    rank_1 = average["rank_1"]
    lines = [Headline("rank-1", f"{rank_1:.4f}", notes["rank"])]
    for fpir in FPIRS:
        value = average[f"tpir_at_fpir_{fpir:g}"]
        if value is not None:
            note = notes.get(f"{fpir:g}", notes["rank"])
            lines.append(Headline(f"TPIR at FPIR {fpir:g}", f"{value:.4f}", note))
    return tuple(lines)


def _range(line: Interval) -> str:
    return f"95 % interval {line.low:.4f} to {line.high:.4f}"


def score_columns(
    found: Sequence[Identified], names: Sequence[str], identities: Sequence[object]
) -> dict[str, Any]:
    """Return one row a probe and gallery that holds its mate, for comparisons."""
    columns: dict[str, list[Any]] = {"id": [], "identity": [], "rank": []}
    columns |= {f"rank_{k}": [] for k in RANKS}
    for one in found:
        for row in np.flatnonzero(one.searches.mated).tolist():
            columns["id"].append(f"{one.name}|{names[row]}")
            columns["identity"].append(str(identities[row]))
            columns["rank"].append(float(one.searches.ranks[row]))
            for k in RANKS:
                columns[f"rank_{k}"].append(float(one.searches.ranks[row] <= k))
    return columns
