"""``vidsearch evaluate retrieval``: how well people are found in an archive."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any

from vidsearch.commands.evaluate.options import add_output, finish
from vidsearch.errors import ConfigError


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "retrieval",
        help="MAP@100 of the search over your own archive",
        description="Search a catalog with labelled photos and measure what comes up. The labels "
        "are a CSV with the columns photo and/or person, video and, if known, start and end. A row "
        "without a video names a further photo; a person without any video counts as absent.",
    )
    parser.add_argument("catalog", metavar="CATALOG", help="folder of the catalog")
    parser.add_argument("--labels", metavar="FILE", required=True, help="CSV: who is seen where")
    parser.add_argument(
        "--photos", choices=["each", "together"], default="each",
        help="each photo is a query (default), or all photos of a person make one",
    )  # fmt: skip
    parser.add_argument("--worst", metavar="N", type=int, default=8, help="queries to show (8)")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    add_output(parser, "reports/retrieval")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write the report."""
    from tqdm import tqdm

    from vidsearch.catalog import Catalog
    from vidsearch.evaluation.report import check_target
    from vidsearch.evaluation.retrieval.evaluate import RetrievalOptions, retrieval_report

    if args.worst < 0:
        raise ConfigError(f"--worst must not be negative; got {args.worst}")
    check_target(args.out)
    options = RetrievalOptions(
        together=args.photos == "together", worst=args.worst, device=args.device
    )
    progress = functools.partial(
        tqdm, unit="query", desc="searching", disable=not sys.stderr.isatty(), leave=False
    )
    report = retrieval_report(Catalog.open(args.catalog), args.labels, options, progress=progress)
    return finish(report, args)
