"""Report of ``vidsearch evaluate angles``: Table 3 of one model, with histograms."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from trainer.analysis.angles import AngleOptions, MeasuredAngles, MeasuredSet
from trainer.analysis.report_fields import GENUINE, IMPOSTOR, MODEL_NAME, PAIR_HISTOGRAM
from trainer.analysis.target_angles import target_angle_histograms
from vidsearch.evaluation.metrics.bootstrap import Interval, bootstrap_mean
from vidsearch.evaluation.report import Figure, Headline, Provenance, Report, ReportTable, Section
from vidsearch.evaluation.report.angle_figures import angle_panels, theta_distributions

CONVENTIONS = (
    (
        "W-EC, W-Inter, Intra, Inter: ArcFace (Deng et al. 2019), Table 3; degrees. W is a class "
        "weight, or the sub-centre nearest to the centre of its class; a centre is the sum of "
        "unit-length embeddings"
    ),
    (
        "W-EC: mean angle between a class weight and its embedding centre. W-Inter: mean over "
        "classes of the smallest angle between a class weight and another. Intra: mean angle "
        "between an embedding and its identity's centre. Inter: mean over identities of the "
        "smallest angle between centres"
    ),
    "an embedding of a checkpoint is the sum over a face and its mirror image, as in validation",
    "Intervals: 95 % percentile bootstrap over identities; smallest angles are computed once",
)
_STATISTICS = {
    "w_ec": "W-EC",
    "w_inter": "W-Inter",
    "intra": "Intra",
    "inter": "Inter",
}


def angles_report(measured: MeasuredAngles, options: AngleOptions) -> Report:
    """Return the report of measured angles.

    Args:
        measured: The angles.
        options: Options of the measurement.

    Raises:
        TrainingError: The histograms of the run cannot be read.
    """
    intervals = {measured_set.part: _intervals(measured_set) for measured_set in measured.sets}
    model = measured.model
    return Report(
        kind="angles",
        title=f"Angles of {model.name}",
        lead=" ".join(_lead(measured_set) for measured_set in measured.sets),
        conventions=CONVENTIONS,
        headlines=tuple(
            Headline(
                f"{_STATISTICS[name]}, {part}",
                f"{line.mean:.2f}°",
                f"95 % interval {line.low:.2f} to {line.high:.2f}",
            )
            for part, intervals_by_name in intervals.items()
            for name, line in intervals_by_name.items()
        ),
        metrics={
            measured_set.part: {
                **asdict(measured_set.values.statistics()),
                "intervals_95": {
                    name: [line.low, line.high]
                    for name, line in intervals[measured_set.part].items()
                },
                "genuine_pairs_in_set": measured_set.pairs.genuine_in_set,
                PAIR_HISTOGRAM: _histogram(measured_set),
                "broken_faces": measured_set.broken,
            }
            for measured_set in measured.sets
        },
        provenance=Provenance(
            configuration={**asdict(options), MODEL_NAME: model.name, **model.configuration},
            data={
                f"{measured_set.part} ({measured_set.name})": measured_set.sha256
                for measured_set in measured.sets
            },
            model_id=model.model_id,
            pack_files=model.files,
            elapsed_s=measured.elapsed_s,
        ),
        sections=_sections(measured, intervals),
    )


def _histogram(measured_set: MeasuredSet) -> dict[str, Any]:
    """Return counts of pairs by angle; ``evaluate figures`` draws Figure 6 from them."""
    edges = np.arange(0, 181)
    return {
        "bin_deg": 1,
        GENUINE: np.histogram(measured_set.pairs.genuine, edges)[0],
        IMPOSTOR: np.histogram(measured_set.pairs.impostor, edges)[0],
    }


def _lead(measured_set: MeasuredSet) -> str:
    text = (
        f"{measured_set.part.capitalize()}: {len(measured_set.values.intra):,} faces of "
        f"{len(measured_set.people):,} people of {measured_set.name}."
    )
    return (
        f"{text} {measured_set.broken:,} faces could not be decoded."
        if measured_set.broken
        else text
    )


def _intervals(measured_set: MeasuredSet) -> dict[str, Interval]:
    values = measured_set.values
    intervals_by_name = {}
    if values.w_ec is not None and values.w_inter is not None:
        intervals_by_name["w_ec"] = bootstrap_mean(values.w_ec)
        intervals_by_name["w_inter"] = bootstrap_mean(values.w_inter)
    intervals_by_name["intra"] = bootstrap_mean(values.intra, values.rows.tolist())
    intervals_by_name["inter"] = bootstrap_mean(values.inter)
    return intervals_by_name


def _sections(
    measured: MeasuredAngles, intervals: dict[str, dict[str, Interval]]
) -> tuple[Section, ...]:
    rows: list[tuple[Any, ...]] = []
    for measured_set in measured.sets:
        numbers = measured_set.values.statistics()
        angles = (numbers.w_ec, numbers.w_inter, numbers.intra, numbers.inter)
        rows.append((measured_set.part, *angles, numbers.embeddings, numbers.identities))
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
            (part, _STATISTICS[name], line.mean, line.low, line.high)
            for part, intervals_by_name in intervals.items()
            for name, line in intervals_by_name.items()
        ),
        digits=2,
    )
    note = ""
    if measured.model.weights is None:
        note = (
            "A pack, or a loss without classes, has no class weights; W-EC and W-Inter are missing."
        )
    sections = [
        Section("Table 3", note, (table, bounds)),
        Section("Pairs", "", (_pair_figure(measured),)),
    ]
    run = measured.model.run
    histograms = target_angle_histograms(run) if run is not None else {}
    if histograms:
        sections.append(Section("Through training", "", (theta_distributions(histograms),)))
    return tuple(sections)


def _pair_figure(measured: MeasuredAngles) -> Figure:
    return angle_panels(
        {f"{f.name}, {f.part}": (f.pairs.genuine, f.pairs.impostor) for f in measured.sets},
        name="figure-6-pairs",
        caption="Figure 6: angles of genuine pairs (red) and random impostor pairs (blue).",
    )
