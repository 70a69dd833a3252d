"""``vidsearch evaluate iqiyi`` and ``iqiyi-features``: the challenge's own files."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vidsearch.commands.evaluate.options import add_output, finish
from vidsearch.text.printable import printable


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
    from vidsearch.evaluation.iqiyi.evaluate import evaluate_results
    from vidsearch.evaluation.report import check_target

    check_target(args.out)
    return finish(evaluate_results(args.truth, args.results), args)


def run_convert(args: argparse.Namespace) -> int:
    """Convert and say what was in the pickle."""
    from vidsearch.evaluation.iqiyi.features import convert_features

    made = convert_features(args.pickle, args.parquet)
    sys.stdout.write(
        f"wrote {printable(args.parquet)}: {made.faces:,} faces of {made.clips:,} clips "
        f"({made.without_faces:,} clips without a face), {made.dim} numbers each\n"
    )
    return 0
