"""Figures 3 to 9 of the ArcFace paper, drawn from runs and evaluation reports.

Figures 4b and 5 show formulas. The networks of Figure 3 are trained when the figure is drawn.
Figure 4a needs a run. Figures 6 to 9 need reports with similarities and labels of pairs, or with
rank-k rates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.analysis.report_fields import GENUINE, IMPOSTOR, MODEL_NAME, PAIR_HISTOGRAM
from trainer.analysis.target_angles import target_angle_histograms
from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.verification import roc
from vidsearch.evaluation.report import (
    Figure,
    Provenance,
    Report,
    Section,
    StoredReport,
    read_report,
)
from vidsearch.evaluation.report.angle_figures import (
    AngleCounts,
    Angles,
    angle_panels,
    circle_embeddings,
    degrees_of,
    theta_distributions,
)
from vidsearch.evaluation.report.figures import cmc, roc_curves
from vidsearch.evaluation.report.margin_figures import decision_margins, target_logits

NUMBERS = ("3", "4a", "4b", "5", "6", "7", "8", "9")


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureOptions:
    """Figures to draw, and their sources.

    Attributes:
        only: Numbers of figures; empty for all figures whose source is given.
        run: Run folder, for Figure 4a.
        reports: Folders written by 'vidsearch evaluate', for Figures 6 to 9.
        steps: Updates of each run of Figure 3.
    """

    only: tuple[str, ...] = ()
    run: str = ""
    reports: tuple[str, ...] = ()
    steps: int = 300

    def __post_init__(self) -> None:
        unknown = [number for number in self.only if number not in NUMBERS]
        if unknown:
            raise ConfigError(f"--only must name figures {', '.join(NUMBERS)}; got {unknown[0]!r}")
        if self.steps < 2:
            raise ConfigError(f"--steps must be at least 2; got {self.steps}")


def figures_report(options: FigureOptions) -> Report:
    """Draw the figures and return the report.

    Raises:
        ConfigError: The source of a requested figure is missing, or a folder is not a report.
        TrainingError: The histograms of the run cannot be read.
    """
    started = time.perf_counter()
    reports = [read_report(folder) for folder in options.reports]
    numbers = options.only if options.only else NUMBERS
    drawn: dict[str, list[Figure]] = {}
    for number in numbers:
        results = [draw(options, reports) for draw in _DRAW[number]]
        figures = [figure for figure in results if figure is not None]
        if figures:
            drawn[number] = figures
        elif options.only:
            raise ConfigError(f"figure {number} needs {_NEEDS[number]}")
    return Report(
        kind="figures",
        title="Figures of the ArcFace paper, from our own data",
        lead="The numbers of the figures are those of Deng et al. 2019; the data and the trained "
        "networks are your own.",
        conventions=("Figures 3 to 9: ArcFace (Deng et al. 2019)",),
        headlines=(),
        metrics={"figures": list(drawn)},
        provenance=Provenance(
            configuration={
                "only": list(options.only),
                "run": options.run,
                "reports": list(options.reports),
                "steps": options.steps,
            },
            data={
                f"{report.folder.name}/{name}": str(value)
                for report in reports
                for name, value in report.document.get("data_sha256", {}).items()
            },
            elapsed_s=time.perf_counter() - started,
        ),
        sections=tuple(
            Section(f"Figure {number}", "", tuple(figures)) for number, figures in drawn.items()
        ),
    )


Panel = tuple[Angles, Angles]
Draw = Callable[[FigureOptions, Sequence[StoredReport]], Figure | None]


def _figure3(options: FigureOptions, _: Sequence[StoredReport]) -> Figure:
    from trainer.analysis.figure3 import figure3_panels

    return circle_embeddings(figure3_panels(options.steps))


def _target_angles(options: FigureOptions, _: Sequence[StoredReport]) -> Figure | None:
    histograms = target_angle_histograms(Path(options.run)) if options.run else {}
    return theta_distributions(histograms) if histograms else None


def _target_logits(_: FigureOptions, __: Sequence[StoredReport]) -> Figure:
    return target_logits()


def _decision_margins(_: FigureOptions, __: Sequence[StoredReport]) -> Figure:
    return decision_margins()


def _angles_by_model(_: FigureOptions, reports: Sequence[StoredReport]) -> Figure | None:
    """Draw Figure 6: one data set, several models.

    Reports on angles are preferred, because they count all genuine pairs and many impostor pairs.
    The panel shows the test set, or the training set if the report has no test set.
    """
    panels: dict[str, Panel] = {}
    for report in reports:
        if report.kind == "angles":
            results = report.document["metrics"]
            part = results["test" if "test" in results else "train"][PAIR_HISTOGRAM]
            settings = report.document.get("configuration", {})
            name = str(settings.get(MODEL_NAME, "")) or report.folder.name
            panels[_unused_name(name, panels)] = _stored_counts(part)
    if not panels:
        panels = _pair_panels(reports, _model_name)
    caption = "Figure 6: angles of genuine (red) and impostor (blue) pairs, a panel for each model."
    return angle_panels(panels, name="figure-6-losses", caption=caption) if panels else None


def _angles_by_dataset(_: FigureOptions, reports: Sequence[StoredReport]) -> Figure | None:
    """Draw Figure 7: one model, several data sets."""
    panels = _pair_panels(reports, _dataset_name)
    caption = "Figure 7: angles of genuine (red) and impostor (blue) pairs, a panel for each set."
    return angle_panels(panels, name="figure-7-sets", caption=caption) if panels else None


def _stored_counts(histogram: dict[str, Any]) -> Panel:
    edges = np.linspace(0, 180, len(histogram[GENUINE]) + 1)
    genuine, impostor = (np.array(histogram[kind], float) for kind in (GENUINE, IMPOSTOR))
    return AngleCounts(edges, genuine), AngleCounts(edges, impostor)


def _pair_panels(
    reports: Sequence[StoredReport], name: Callable[[StoredReport], str]
) -> dict[str, Panel]:
    panels: dict[str, Panel] = {}
    for report, (similarities, issame) in _reports_with_pairs(reports):
        embedded = similarities > -1  # -1 marks a pair with a missing face
        degrees, genuine = degrees_of(similarities[embedded]), issame[embedded]
        panels[_unused_name(name(report), panels)] = degrees[genuine], degrees[~genuine]
    return panels


def _distractor_rank_curves(_: FigureOptions, reports: Sequence[StoredReport]) -> Figure | None:
    """Draw Figure 8, left: rank-k rates of reports on distractors."""
    curves: dict[str, NDArray[np.float64]] = {}
    for report in reports:
        results = report.document.get("metrics", {})
        for rows, result in results.items() if report.kind == "distractors" else ():
            name = report.folder.name if rows == "all" else f"{report.folder.name}, {rows}"
            curves[_unused_name(name, curves)] = np.array(result["rank_k"], np.float64)
    return cmc(curves) if curves else None


def _distractor_rocs(_: FigureOptions, reports: Sequence[StoredReport]) -> Figure | None:
    """Draw Figure 8, right: ROC curves of reports on distractors."""
    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    smallest_far = 1.0
    for report in reports:
        results = report.document.get("metrics", {})
        for rows, result in results.items() if report.kind == "distractors" else ():
            curve = result.get("roc", {"far": [], "tar": []})
            far, tar = (np.array(curve[name], np.float64) for name in ("far", "tar"))
            if (far > 0).sum() > 1:
                name = report.folder.name if rows == "all" else f"{report.folder.name}, {rows}"
                curves[_unused_name(name, curves)] = far, tar
                smallest_far = min(smallest_far, float(far[far > 0][0]))
    return roc_curves(curves, least_far=smallest_far, name="figure-8-roc") if curves else None


def _verification_rocs(_: FigureOptions, reports: Sequence[StoredReport]) -> Figure | None:
    """Draw Figure 9: ROC curves of reports on verification."""
    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    smallest_far = 1.0
    for report, (similarities, genuine) in _reports_with_pairs(reports):
        curve = roc(similarities, genuine)
        curves[_unused_name(f"{_dataset_name(report)}, {_model_name(report)}", curves)] = (
            curve.far,
            curve.tar,
        )
        smallest_far = min(smallest_far, 1 / max(int((~genuine).sum()), 1))
    return roc_curves(curves, least_far=smallest_far) if curves else None


def _reports_with_pairs(
    reports: Sequence[StoredReport],
) -> list[tuple[StoredReport, tuple[NDArray[np.float64], NDArray[np.bool_]]]]:
    """Return the reports with pairs: similarities (P,), and True (P,) for genuine pairs."""
    with_pairs = []
    for report in reports:
        columns = report.scores.columns if report.scores is not None else {}
        if {"similarity", "genuine"} <= columns.keys():
            similarities = np.asarray(columns["similarity"], np.float64)
            genuine = np.asarray(columns["genuine"], bool)
            if genuine.any() and not genuine.all():
                with_pairs.append((report, (similarities, genuine)))
    return with_pairs


def _model_name(report: StoredReport) -> str:
    name = str(report.document.get("model", {}).get("model_id", ""))
    return name if name else report.folder.name


def _dataset_name(report: StoredReport) -> str:
    """Return the name of the data set; for reports of version 0.1, the name of the folder."""
    return report.dataset if report.dataset else report.folder.name


def _unused_name(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number if another panel or curve already has this name."""
    names = set(taken)
    number = 1
    unused = name
    while unused in names:
        number += 1
        unused = f"{name} ({number})"
    return unused


_DRAW: dict[str, tuple[Draw, ...]] = {
    "3": (_figure3,),
    "4a": (_target_angles,),
    "4b": (_target_logits,),
    "5": (_decision_margins,),
    "6": (_angles_by_model,),
    "7": (_angles_by_dataset,),
    "8": (_distractor_rank_curves, _distractor_rocs),
    "9": (_verification_rocs,),
}
_NEEDS_PAIRS = (
    "a report with pairs: add --report FOLDER that 'vidsearch evaluate verification' wrote"
)
_NEEDS = {
    "4a": "--run RUN, a run that logged at least three distributions of angles (keep.log_every)",
    "6": "a report: add --report FOLDER that 'vidsearch evaluate angles' or 'verification' wrote",
    "7": _NEEDS_PAIRS,
    "8": "a report with ranks: add --report FOLDER that 'vidsearch evaluate distractors' wrote",
    "9": _NEEDS_PAIRS,
}
