"""Report on identification and verification among distractors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from vidsearch.evaluation.distractors.measure import DistractorOptions, RowFigures
from vidsearch.evaluation.protocols.lines import file_sha256
from vidsearch.evaluation.report import Headline, Provenance, Report, ReportTable, Section
from vidsearch.evaluation.report.figures import cmc, roc_curves

CONVENTIONS = (
    "a genuine pair is one search: probe against mate and all impostors; ties count against it",
    "Ver: TAR above the n + 1 st highest impostor similarity, n = floor(FAR x impostor pairs)",
    "Id at FPR: mate first, and above the n + 1 st highest of the probes' best impostors",
    "at that FPR, n = floor(FPR x probes), as in the Trillion-Pairs challenge",
    "R: rows of the noise lists left out of probes and gallery (MegaFace)",
    "thresholds are exact: the highest similarities are kept, not a histogram",
)


def distractors_report(
    options: DistractorOptions, figures: Mapping[str, RowFigures], elapsed_s: float
) -> Report:
    """Return the report on an evaluation among distractors.

    Args:
        options: Inputs and operating points.
        figures: Figures by choice of rows: ``all`` and, with noise lists, ``R``.
        elapsed_s: Wall-clock time, seconds.
    """
    results = {name: row.result for name, row in figures.items()}
    first = results["all"]
    paths = (options.probes, options.probe_list, options.gallery, options.gallery_list)
    return Report(
        kind="distractors",
        title=f"Identification among {first.impostors:,} impostor pairs",
        lead=f"{first.probes:,} probes, {first.genuine:,} genuine pairs.",
        conventions=CONVENTIONS,
        headlines=tuple(
            Headline(f"{label}{'' if name == 'all' else ', R'}", f"{value:.4f}", note)
            for name, r in results.items()
            for label, value, note in (
                ("Rank-1", r.rank_k[0], f"{r.genuine:,} searches"),
                (f"Id at FPR {options.fpr:g}", r.id_tpr, f"threshold {r.id_threshold:.4f}"),
                (f"Ver at FAR {options.far:g}", r.ver_tar, f"threshold {r.ver_threshold:.4f}"),
            )
        ),
        metrics={
            name: {**asdict(row.result), "roc": {"far": row.far, "tar": row.tar}}
            for name, row in figures.items()
        },
        provenance=Provenance(
            configuration={
                key: list(map(str, value)) if isinstance(value, tuple) else value
                for key, value in asdict(options).items()
            },
            data={
                path.name: file_sha256(path)
                for path in (*paths, *options.noise)
                if path is not None
            },
            elapsed_s=elapsed_s,
        ),
        sections=_sections(options, figures),
    )


def _sections(options: DistractorOptions, figures: Mapping[str, RowFigures]) -> tuple[Section, ...]:
    table = ReportTable(
        "distractors",
        "Identification and verification among distractors",
        (
            "rows",
            "probes",
            "genuine pairs",
            "impostor pairs",
            "rank-1",
            f"Id at {options.fpr:g}",
            f"Ver at {options.far:g}",
            "Ver threshold",
        ),
        tuple(
            (
                "all" if name == "all" else "R (noise left out)",
                row.result.probes,
                row.result.genuine,
                row.result.impostors,
                row.result.rank_k[0],
                row.result.id_tpr,
                row.result.ver_tar,
                row.result.ver_threshold,
            )
            for name, row in figures.items()
        ),
    )
    sections = [Section("Figures", "", (table,))]
    if options.ranks > 1:
        curves = {name: np.array(row.result.rank_k) for name, row in figures.items()}
        sections.append(Section("CMC", "", (cmc(curves),)))
    rates = {name: (row.far, row.tar) for name, row in figures.items() if (row.far > 0).sum() > 1}
    if rates:
        smallest_far = min(float(far[far > 0][0]) for far, _ in rates.values())
        text = f"Up to FAR {options.far:g}: lower impostor similarities are not kept."
        figure = roc_curves(rates, least_far=smallest_far, name="figure-8-roc")
        sections.append(Section("ROC", text, (figure,)))
    return tuple(sections)
