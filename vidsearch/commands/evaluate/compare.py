"""``vidsearch evaluate compare``: whether report B is better than report A."""

from __future__ import annotations

import argparse
from typing import Any

from vidsearch.commands.evaluate.options import add_output, finish
from vidsearch.errors import ConfigError


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "compare",
        help="set two reports side by side: is B better?",
        description="Compare two reports over the same data, with a paired bootstrap.",
    )
    parser.add_argument("a", metavar="A", help="folder of a report")
    parser.add_argument("b", metavar="B", help="folder of another report of the same protocol")
    parser.add_argument("--resamples", metavar="N", type=int, default=2000, help="(2000)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the resamples (0)")
    add_output(parser, "reports/comparison")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare and write the report."""
    from vidsearch.evaluation.compare import compare_reports
    from vidsearch.evaluation.report import check_target, read_report

    if args.resamples < 100:
        raise ConfigError(f"--resamples must be at least 100; got {args.resamples}")
    check_target(args.out)
    a, b = read_report(args.a), read_report(args.b)
    return finish(compare_reports(a, b, resamples=args.resamples, seed=args.seed), args)
