"""Figures of 1:N identification for reports: rank-k, CMC and TPIR at FPIR, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.evaluation.metrics.bootstrap import Interval, bootstrap_mean
from vidsearch.evaluation.metrics.identification import Searches
from vidsearch.evaluation.metrics.open_set import OpenSetPoint, tpir_at_fpir
from vidsearch.evaluation.report.figures import cmc
from vidsearch.evaluation.report.report import Cell, Figure, Headline, ReportTable

RANKS = (1, 5, 10)
FPIRS = (0.01, 0.1)
LONGEST_RANK = 100
"""Last rank of the CMC."""

CONVENTIONS = (
    "rank-k: share of the probes with a mate whose mate is among the first k; ties count against",
    "TPIR at FPIR (ISO/IEC 19795-1, NIST FRVT): the mate comes first and reaches the threshold",
    "threshold: at most the FPIR's share of the probes without a mate gets an answer",
    "intervals: 95 % percentile bootstrap over identities, 2,000 draws, at the threshold found",
)


@dataclass(frozen=True, slots=True, eq=False)
class GalleryFigures:
    """Identification figures of one gallery.

    Attributes:
        name: Name of the gallery.
        searches: Outcomes of the probes.
        enrolled: Number of templates in the gallery.
        ranks: k -> rank-k with its interval.
        open_set: FPIR -> operating point; empty if every probe has a mate.
        tpir: FPIR -> TPIR with its interval at the threshold of that point.
    """

    name: str
    searches: Searches = field(repr=False)
    enrolled: int
    ranks: dict[int, Interval]
    open_set: dict[float, OpenSetPoint]
    tpir: dict[float, Interval]

    def metrics(self) -> dict[str, Any]:
        """Return all figures for ``metrics.json``."""
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


def gallery_figures(
    name: str, searches: Searches, identities: Sequence[object], enrolled: int
) -> GalleryFigures:
    """Return the figures of one gallery.

    Args:
        name: Name of the gallery.
        searches: Outcomes of P probes.
        identities: Person of each of the P probes, resampled as a whole.
        enrolled: Number of templates in the gallery.

    Raises:
        ConfigError: No probe has a mate in the gallery.
    """
    mated = searches.mated
    people = [person for person, has_mate in zip(identities, mated, strict=True) if has_mate]
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
    return GalleryFigures(name, searches, enrolled, ranks, points, tpir)


def identification_table(galleries: Sequence[GalleryFigures]) -> ReportTable:
    """Return a table with one row per gallery and, for several galleries, their mean."""
    rows: list[tuple[Cell, ...]] = []
    for gallery in galleries:
        mated = int(gallery.searches.mated.sum())
        rows.append(
            (
                gallery.name,
                gallery.enrolled,
                mated,
                len(gallery.searches.mated) - mated,
                *(gallery.ranks[k].mean for k in RANKS),
                *(gallery.tpir[fpir].mean if fpir in gallery.tpir else None for fpir in FPIRS),
            )
        )
    if len(galleries) > 1:
        rows.append(("mean", None, None, None, *means(galleries).values()))
    return ReportTable(
        "identification",
        "Identification: closed set (rank-k) and open set (TPIR at FPIR)",
        (
            "gallery",
            "enrolled",
            "mated probes",
            "others",
            *(f"rank-{k}" for k in RANKS),
            *(f"TPIR at FPIR {fpir:g}" for fpir in FPIRS),
        ),
        tuple(rows),
    )


def means(galleries: Sequence[GalleryFigures]) -> dict[str, float | None]:
    """Return the mean of every figure over galleries; None if no gallery has the figure."""
    values: dict[str, float | None] = {
        f"rank_{k}": float(np.mean([gallery.ranks[k].mean for gallery in galleries])) for k in RANKS
    }
    for fpir in FPIRS:
        rates = [gallery.tpir[fpir].mean for gallery in galleries if fpir in gallery.tpir]
        values[f"tpir_at_fpir_{fpir:g}"] = float(np.mean(rates)) if rates else None
    return values


def intervals_table(galleries: Sequence[GalleryFigures]) -> ReportTable:
    """Return a table of every figure with its interval and, for TPIR, its threshold."""
    rows: list[tuple[Cell, ...]] = []
    for gallery in galleries:
        for k, line in gallery.ranks.items():
            rows.append((gallery.name, f"rank-{k}", line.mean, line.low, line.high, None))
        for fpir, line in gallery.tpir.items():
            threshold = gallery.open_set[fpir].threshold
            cell = threshold if np.isfinite(threshold) else None
            label = f"TPIR at FPIR {fpir:g}"
            rows.append((gallery.name, label, line.mean, line.low, line.high, cell))
    return ReportTable(
        "identification-intervals",
        "95 % intervals over identities",
        ("gallery", "figure", "value", "from", "to", "threshold (cosine)"),
        tuple(rows),
    )


def cmc_figure(galleries: Sequence[GalleryFigures]) -> Figure:
    """Draw the CMC with one curve per gallery."""
    return cmc({gallery.name: cmc_of(gallery.searches) for gallery in galleries})


def cmc_of(searches: Searches) -> NDArray[np.float64]:
    """Return the (LONGEST_RANK,) shares of mated probes found within each rank."""
    ranks = searches.ranks[searches.mated]
    return np.array([float((ranks <= k).mean()) for k in range(1, LONGEST_RANK + 1)])


def headlines(galleries: Sequence[GalleryFigures]) -> tuple[Headline, ...]:
    """Return rank-1 and TPIR; for several galleries, their means."""
    first = galleries[0]
    average = means(galleries)
    notes: Mapping[str, str] = (
        {
            "rank": f"{_interval(first.ranks[1])}; {first.ranks[1].queries:,} probes of "
            f"{first.ranks[1].identities:,} identities",
            **{f"{fpir:g}": _interval(line) for fpir, line in first.tpir.items()},
        }
        if len(galleries) == 1
        else {"rank": f"mean of {len(galleries)} galleries"}
    )
    lines = [Headline("rank-1", f"{average['rank_1']:.4f}", notes["rank"])]
    for fpir in FPIRS:
        value = average[f"tpir_at_fpir_{fpir:g}"]
        if value is not None:
            note = notes.get(f"{fpir:g}", notes["rank"])
            lines.append(Headline(f"TPIR at FPIR {fpir:g}", f"{value:.4f}", note))
    return tuple(lines)


def _interval(line: Interval) -> str:
    return f"95 % interval {line.low:.4f} to {line.high:.4f}"


def score_columns(
    galleries: Sequence[GalleryFigures], names: Sequence[str], identities: Sequence[object]
) -> dict[str, Any]:
    """Return score columns with one row per mated probe and gallery.

    Args:
        galleries: Figures of each gallery, all over the same P probes.
        names: Name of each of the P probes.
        identities: Person of each of the P probes.
    """
    columns: dict[str, list[Any]] = {"id": [], "identity": [], "rank": []}
    columns |= {f"rank_{k}": [] for k in RANKS}
    for gallery in galleries:
        for row in np.flatnonzero(gallery.searches.mated).tolist():
            columns["id"].append(f"{gallery.name}|{names[row]}")
            columns["identity"].append(str(identities[row]))
            columns["rank"].append(float(gallery.searches.ranks[row]))
            for k in RANKS:
                columns[f"rank_{k}"].append(float(gallery.searches.ranks[row] <= k))
    return columns
