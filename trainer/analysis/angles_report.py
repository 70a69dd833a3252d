"""The report of ``vidsearch evaluate angles``: Table 3 for one model, with its histograms."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from trainer.analysis.angles import AngleOptions, MeasuredAngles, MeasuredSet
from trainer.analysis.target_angles import target_angle_histograms
from vidsearch.evaluation.metrics.bootstrap import Interval, bootstrap_mean
from vidsearch.evaluation.report import Figure, Headline, Provenance, Report, ReportTable, Section
from vidsearch.evaluation.report.angle_figures import angle_panels, theta_distributions

CONVENTIONS = (
    (
        "W-EC, W-Inter, Intra, Inter: ArcFace (Deng et al. 2019), Table 3; degrees. W is a class "
        "weight, of several sub-centres the one nearest to the class's centre; a centre is the sum "
        "of unit-length embeddings"
    ),
    (
        "W-EC: mean angle between a class weight and its embedding centre. W-Inter: mean over "
        "classes of the smallest angle between its weight and another. Intra: mean angle between "
        "an embedding and its identity's centre. Inter: mean over identities of the smallest angle "
        "between centres"
    ),
    "an embedding of a checkpoint is the sum over a face and its mirror image, as in validation",
    "Intervals: 95 % percentile bootstrap over identities; smallest angles are not searched anew",
)
_WHAT = {
    "w_ec": "W-EC",
    "w_inter": "W-Inter",
    "intra": "Intra",
    "inter": "Inter",
}


def angles_report(measured: MeasuredAngles, options: AngleOptions) -> Report:
    """Put the measured angles into a report.

    Raises:
        TrainingError: The run's histograms cannot be read.
    """
    intervals = {found.part: _intervals(found) for found in measured.sets}
    model = measured.model
    return Report(
        kind="angles",
        title=f"Angles of {model.name}",
        lead=" ".join(_lead(found) for found in measured.sets),
        conventions=CONVENTIONS,
        headlines=tuple(
            Headline(
                f"{_WHAT[what]}, {part}",
                f"{line.mean:.2f}°",
                f"95 % interval {line.low:.2f} to {line.high:.2f}",
            )
            for part, lines in intervals.items()
            for what, line in lines.items()
        ),
        metrics={
            found.part: {
                **asdict(found.values.statistics()),
                "intervals_95": {
                    what: [line.low, line.high] for what, line in intervals[found.part].items()
                },
                "genuine_pairs_in_set": found.pairs.genuine_in_set,
                "pair_histogram": _histogram(found),
                "broken_faces": found.broken,
            }
            for found in measured.sets
        },
        provenance=Provenance(
            configuration={**asdict(options), **model.configuration},
            data={f"{found.part} ({found.name})": found.sha256 for found in measured.sets},
            model_id=model.model_id,
            pack_files=model.files,
            elapsed_s=measured.elapsed_s,
        ),
        sections=_sections(measured, intervals),
    )


def _histogram(found: MeasuredSet) -> dict[str, Any]:
    """Return counts of pairs, from which ``evaluate figures`` draws Figure 6 again."""
    edges = np.arange(0, 181)
    return {
        "bin_deg": 1,
        "genuine": np.histogram(found.pairs.genuine, edges)[0],
        "impostor": np.histogram(found.pairs.impostor, edges)[0],
    }


def _lead(found: MeasuredSet) -> str:
    text = (
        f"{found.part.capitalize()}: {len(found.values.intra):,} faces of "
        f"{len(found.people):,} people of {found.name}."
    )
    return f"{text} {found.broken:,} faces could not be decoded." if found.broken else text


def _intervals(found: MeasuredSet) -> dict[str, Interval]:
    values = found.values
    lines = {}
    if values.w_ec is not None and values.w_inter is not None:
        lines["w_ec"] = bootstrap_mean(values.w_ec)
        lines["w_inter"] = bootstrap_mean(values.w_inter)
    lines["intra"] = bootstrap_mean(values.intra, values.rows.tolist())
    lines["inter"] = bootstrap_mean(values.inter)
    return lines


def _sections(
    measured: MeasuredAngles, intervals: dict[str, dict[str, Interval]]
) -> tuple[Section, ...]:
    rows: list[tuple[Any, ...]] = []
    for found in measured.sets:
        numbers = found.values.statistics()
        rows.append(
            (found.part, numbers.w_ec, numbers.w_inter, numbers.intra, numbers.inter,
             numbers.embeddings, numbers.identities)
        )  # fmt: skip
    table = ReportTable(
        "table-3",
        "Angle statistics as in the paper's Table 3, degrees",
        ("set", "W-EC", "W-Inter", "Intra", "Inter", "faces", "people"),
        tuple(rows),
        digits=2,
    )
    bounds = ReportTable(
        "intervals",
        "95 % intervals, degrees",
        ("set", "angle", "mean", "from", "to"),
        tuple(
            (part, _WHAT[what], line.mean, line.low, line.high)
            for part, lines in intervals.items()
            for what, line in lines.items()
        ),
        digits=2,
    )
    note = (
        "" if measured.model.weights is not None
        else "A pack, or a loss without classes, has no class weights: there is no W."
    )  # fmt: skip
    sections = [
        Section("Table 3", note, (table, bounds)),
        Section("Pairs", "", (_pair_figure(measured),)),
    ]
    run = measured.model.run
    moments = target_angle_histograms(run) if run is not None else {}
    if moments:
        sections.append(Section("Through training", "", (theta_distributions(moments),)))
    return tuple(sections)


def _pair_figure(measured: MeasuredAngles) -> Figure:
    return angle_panels(
        {f"{f.name}, {f.part}": (f.pairs.genuine, f.pairs.impostor) for f in measured.sets},
        name="figure-6-pairs",
        caption="Figure 6: angles of genuine pairs (red) and random impostor pairs (blue).",
    )
