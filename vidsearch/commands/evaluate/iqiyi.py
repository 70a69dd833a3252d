"""``vidsearch evaluate iqiyi`` and ``iqiyi-features``: the challenge's own files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.commands.evaluate.options import add_output, finish
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.evaluation.report import Report


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-commands."""
    parser = protocols.add_parser(
        "iqiyi",
        help="score result files of iQIYI-VID: the official MAP@100",
        description="Score a result file against a ground truth, both of lines 'id clip clip ...'.",
    )
    parser.add_argument("truth", metavar="TRUTH", help="ground truth")
    parser.add_argument("results", metavar="RESULTS", help="results, best clip first")
    add_output(parser, "reports/iqiyi")
    parser.set_defaults(run=run_score)
    parser = protocols.add_parser(
        "iqiyi-features",
        help="convert the 2019 feature pickle to Parquet",
        description="Convert a feature pickle of iQIYI-VID-2019 to Parquet, without running "
        "anything that the pickle may ask for.",
    )
    parser.add_argument("pickle", metavar="PICKLE", help="as released")
    parser.add_argument("parquet", metavar="PARQUET", help="file to write")
    parser.set_defaults(run=run_convert)


def run_score(args: argparse.Namespace) -> int:
    """Score and write the report."""
    from vidsearch.evaluation.report import check_target

    check_target(args.out)
    return finish(score_report(args.truth, args.results), args)


def score_report(truth_file: str, results_file: str) -> Report:
    """Return the report of a result file.

    Raises:
        ConfigError: A file is malformed: which, in which line, and what was expected.
    """
    import time

    from vidsearch.evaluation.iqiyi.lists import read_lists, score
    from vidsearch.evaluation.report import Provenance, Report, Section
    from vidsearch.evaluation.retrieval.report import SOURCES, RetrievalFigures, file_sha256

    started = time.perf_counter()
    scored = score(read_lists(truth_file), read_lists(results_file))
    figures = RetrievalFigures.of(scored.rankings, scored.identities, scored.identities)
    said = [
        f"{len(scored.missing):,} identities are missing from the results and score 0."
        if scored.missing else "",
        f"{len(scored.without_clips):,} identities have no clip in the ground truth but an answer: "
        "the official script divides by zero there, here they score 0."
        if scored.without_clips else "",
        f"{scored.duplicates:,} repeated clips were dropped, the first kept."
        if scored.duplicates else "",
    ]  # fmt: skip
    return Report(
        kind="retrieval",
        title=f"iQIYI-VID: {Path(results_file).name}",
        lead="The official score of a result file. Published leader-board scores come from "
        "closed-set classifiers trained on the same identities: a photo query is another task.",
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
                " ".join(filter(None, said)),
                (figures.conventions_table(), figures.ranks_table()),
            ),
        ),
        scores=figures.scores(),
    )


def run_convert(args: argparse.Namespace) -> int:
    """Convert and say what was in the pickle."""
    from vidsearch.evaluation.iqiyi.features import convert_features

    made = convert_features(args.pickle, args.parquet)
    sys.stdout.write(
        f"wrote {printable(args.parquet)}: {made.faces:,} faces of {made.clips:,} clips "
        f"({made.without_faces:,} clips without a face), {made.dim} numbers each\n"
    )
    return 0
