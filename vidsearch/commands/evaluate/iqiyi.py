"""``vidsearch evaluate iqiyi`` and ``iqiyi-features``: files of the iQIYI-VID challenge."""

from __future__ import annotations

import sys

import click

from vidsearch.commands.app import command
from vidsearch.commands.evaluate.options import finish, output
from vidsearch.text.printable import printable


@command("iqiyi", "score result files of iQIYI-VID: the official MAP@100")
@click.argument("truth", metavar="TRUTH", help="ground truth")
@click.argument("results", metavar="RESULTS", help="results, best clip first")
@output("reports/iqiyi")
def iqiyi(truth: str, results: str, out: str, as_json: bool) -> int:
    """Score a result file against a ground truth, both of lines 'id clip clip ...'."""
    from vidsearch.evaluation.iqiyi.evaluate import evaluate_results
    from vidsearch.evaluation.report import check_target

    check_target(out)
    return finish(evaluate_results(truth, results), out, as_json)


@command("iqiyi-features", "convert the 2019 feature pickle to Parquet")
@click.argument("pickle", metavar="PICKLE", help="pickle as released")
@click.argument("parquet", metavar="PARQUET", help="file to write")
def iqiyi_features(pickle: str, parquet: str) -> int:
    """Convert a feature pickle of iQIYI-VID-2019 to Parquet.

    No code in the pickle is executed.
    """
    from vidsearch.evaluation.iqiyi.features import convert_features

    converted = convert_features(pickle, parquet)
    sys.stdout.write(
        f"wrote {printable(parquet)}: {converted.faces:,} faces of {converted.clips:,} clips "
        f"({converted.without_faces:,} clips without a face), {converted.dim} numbers each\n"
    )
    return 0
