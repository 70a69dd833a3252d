"""``vidsearch evaluate figures``: the paper's figures from our own data."""

from __future__ import annotations

import argparse
from typing import Any

from vidsearch.commands.evaluate.options import add_output, finish


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "figures",
        help="the ArcFace paper's figures 3 to 9, from your own runs and reports",
        description="Draw the ArcFace paper's figures as SVG: 3 (the toy, trained on the spot), 4b "
        "and 5 (margins) always; 4a from a run; 6, 7 and 9 from reports on verification, 8 from "
        "reports on distractors.",
    )
    parser.add_argument(
        "--only", metavar="N", nargs="+", default=[], help="these figures: 3 4a 4b 5 6 7 8 9"
    )
    parser.add_argument("--run", dest="train_run", metavar="RUN", default="", help="for 4a")
    parser.add_argument(
        "--report", metavar="FOLDER", action="append", default=[],
        help="what 'vidsearch evaluate' wrote, for 6 to 9 (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--steps", metavar="N", type=int, default=300, help="updates of each run of the toy (300)"
    )
    add_output(parser, "reports/figures")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw and write the report."""
    from trainer.analysis.figures import FigureOptions, figures_report
    from vidsearch.evaluation.report import check_target

    check_target(args.out)
    options = FigureOptions(
        only=tuple(args.only),
        run=args.train_run,
        reports=tuple(args.report),
        steps=args.steps,
    )
    return finish(figures_report(options), args)
