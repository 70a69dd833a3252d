"""``vidsearch evaluate retrieval``: accuracy of the search in an archive."""

from __future__ import annotations

import functools
import sys

import click

from vidsearch.commands import options
from vidsearch.commands.app import command
from vidsearch.commands.evaluate.options import finish, output, photos
from vidsearch.errors import ConfigError


@command("retrieval", "MAP@100 of the search over your own archive")
@options.catalog
@click.option(
    "--labels", metavar="FILE", required=True, help="CSV of the people visible in each video"
)
@photos
@click.option("--worst", metavar="N", default=8, help="number of worst queries to show")
@options.device
@output("reports/retrieval")
def retrieval(
    catalog: str, labels: str, photos: str, worst: int, device: str, out: str, as_json: bool
) -> int:
    """Search a catalog with labelled photos and measure the hits.

    The labels are a CSV with the columns photo and/or person, video and, if known, start and end. A
    row without a video names a further photo; a person without any video counts as absent.
    """
    from tqdm import tqdm

    from vidsearch.catalog import Catalog
    from vidsearch.evaluation.report import check_target
    from vidsearch.evaluation.retrieval.evaluate import evaluate_retrieval
    from vidsearch.evaluation.retrieval.measure import RetrievalOptions

    if worst < 0:
        raise ConfigError(f"--worst must not be negative; got {worst}")
    check_target(out)
    measured = RetrievalOptions(together=photos == "together", worst=worst, device=device)
    progress = functools.partial(
        tqdm, unit="query", desc="searching", disable=not sys.stderr.isatty(), leave=False
    )
    report = evaluate_retrieval(Catalog.open(catalog), labels, measured, progress=progress)
    return finish(report, out, as_json)
