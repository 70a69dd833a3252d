"""Evaluation of an iQIYI-VID result file: ground truth and results in, report out."""

from __future__ import annotations

import time
from pathlib import Path

from vidsearch.evaluation.iqiyi.lists import ScoredLists, read_lists, score
from vidsearch.evaluation.protocols.lines import file_sha256
from vidsearch.evaluation.report import Provenance, Report, Section
from vidsearch.evaluation.report.ranked_retrieval import SOURCES, RetrievalFigures


def evaluate_results(truth_file: str, results_file: str) -> Report:
    """Score a result file and return the report.

    Args:
        truth_file: Ground truth, lines ``id clip clip ...``.
        results_file: Results, lines ``id clip clip ...``, best clip first.

    Raises:
        ConfigError: A file is malformed, or the results do not match the ground truth.
    """
    started = time.perf_counter()
    scored = score(read_lists(truth_file), read_lists(results_file))
    figures = RetrievalFigures.of(scored.rankings, scored.identities, scored.identities)
    return Report(
        kind="retrieval",
        title=f"iQIYI-VID: {Path(results_file).name}",
        lead="The official score of a result file. Published leader-board scores come from "
        "closed-set classifiers trained on the same identities: a photo query is a different task.",
        conventions=SOURCES,
        headlines=figures.headlines(),
        metrics=figures.metrics()
        | {
            "missing": len(scored.missing),
            "answered_without_clips": len(scored.without_clips),
            "duplicates_dropped": scored.duplicates,
        },
        provenance=Provenance(
            configuration={"truth": truth_file, "results": results_file},
            data={Path(name).name: file_sha256(name) for name in (truth_file, results_file)},
            elapsed_s=time.perf_counter() - started,
        ),
        sections=(
            Section(
                "Score",
                _notes(scored),
                (figures.conventions_table(), figures.ranks_table()),
            ),
        ),
        scores=figures.scores(),
    )


def _notes(scored: ScoredLists) -> str:
    notes = []
    if scored.missing:
        notes.append(f"{len(scored.missing):,} identities are missing from the results: score 0.")
    if scored.without_clips:
        notes.append(
            f"{len(scored.without_clips):,} identities have an answer but no clip in the ground "
            "truth: the official script divides by zero; here they score 0."
        )
    if scored.duplicates:
        notes.append(f"{scored.duplicates:,} repeated clips were dropped, the first kept.")
    return " ".join(notes)
