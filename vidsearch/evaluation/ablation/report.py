"""Report on the ablation: one row per step."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vidsearch.evaluation.ablation.data import LabelledSet
from vidsearch.evaluation.ablation.measure import Step
from vidsearch.evaluation.metrics.bootstrap import Interval
from vidsearch.evaluation.report import (
    Headline,
    Measure,
    Provenance,
    Report,
    ReportTable,
    Scores,
    Section,
)
from vidsearch.evaluation.report.ranked_retrieval import SOURCES

CONVENTIONS = (
    "Ablation: ArcFace, Table 9; an identity is a query, known by its training clips",
    "All clips of the test part are ranked, including those of other people",
    "Ensemble: cosines, or class scores, summed over packs",
    "Context: a network over the packs' descriptors and the whole-frame descriptor",
)


def ablation_report(
    data: LabelledSet, steps: Sequence[Step], configuration: Mapping[str, Any], elapsed_s: float
) -> Report:
    """Return the report on the steps of an ablation.

    Args:
        data: The labelled set.
        steps: Figures of every step.
        configuration: All options.
        elapsed_s: Wall-clock time, seconds.
    """
    names = [f"{step.name}, {step.ranking}" for step in steps]
    columns: dict[str, Any] = {"id": list(steps[0].figures.queries)}
    columns["identity"] = columns["id"]
    for number, step in enumerate(steps):
        columns[f"ap_{number}"] = step.figures.per_query["iqiyi"]
    return Report(
        kind="ladder",
        title="Ablation of Table 9",
        lead=_lead(data),
        conventions=(*SOURCES, *CONVENTIONS),
        headlines=tuple(
            _headline(name, step.figures.intervals["iqiyi"])
            for name, step in zip(names, steps, strict=True)
        ),
        metrics={name: step.figures.metrics() for name, step in zip(names, steps, strict=True)},
        provenance=Provenance(
            configuration=configuration,
            data={"identities, parts and descriptors": _sha256(data)},
            elapsed_s=elapsed_s,
        ),
        sections=(Section("MAP@100 of each step", "", (_steps_table(steps),)),),
        scores=Scores(
            "identity",
            columns,
            tuple(Measure(name, column=f"ap_{number}") for number, name in enumerate(names)),
            ("identity",),
        ),
    )


def _lead(data: LabelledSet) -> str:
    trained = int(data.training.sum())
    tested = int((~data.training).sum())
    distractors = sum(not name for name in data.identities)
    return (
        f"{trained:,} training clips of {len(data.classes):,} identities; {tested:,} clips ranked, "
        f"{distractors:,} of them of other people. {data.left_out:,} photos without a face were "
        "left out. A closed-set task: identities are known by training clips, not by one photo."
    )


def _steps_table(steps: Sequence[Step]) -> ReportTable:
    rows = []
    for step in steps:
        line = step.figures.intervals
        official = line["iqiyi"]
        rows.append(
            (
                step.name,
                step.ranking,
                official.mean,
                official.low,
                official.high,
                line["truncated"].mean,
                line["mediaeval"].mean,
            )
        )
    return ReportTable(
        "ladder",
        "MAP@100 of each step (iQIYI official with its interval, and the two other conventions)",
        ("step", "ranked by", "MAP@100", "from", "to", "truncated", "MediaEval"),
        tuple(rows),
    )


def _headline(name: str, line: Interval) -> Headline:
    note = f"95 % interval {line.low:.4f} to {line.high:.4f}"
    return Headline(name, f"{line.mean:.4f}", note, (line.mean, line.low, line.high))


def _sha256(data: LabelledSet) -> str:
    """Return a hash of all inputs of the ablation."""
    digest = hashlib.sha256("\n".join(data.identities).encode())
    for part in (data.training, *data.spaces, *(() if data.context is None else (data.context,))):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
