"""``vidsearch evaluate angles``: Table 3 for a trained network or a pack."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any

from vidsearch.commands.evaluate.options import add_output, finish


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "angles",
        help="Table 3: angles between class weights, centres and embeddings",
        description="Angle statistics of the ArcFace paper's Table 3, degrees, on the training set "
        "and on people that training never saw, with the histograms of Figures 4a and 6.",
    )
    parser.add_argument(
        "model", metavar="MODEL", help="run folder or checkpoint; or a pack (without class weights)"
    )
    parser.add_argument(
        "data", metavar="DATASET",
        help="the training set, as 'vidsearch train' takes it; people held out are the test set",
    )  # fmt: skip
    parser.add_argument("--test", metavar="DATASET", default="", help="another test set")
    parser.add_argument(
        "--people", metavar="N", type=int, default=0, help="so many people of each set (0: all)"
    )
    parser.add_argument(
        "--pairs", metavar="N", type=int, default=500_000,
        help="pairs of a kind in the histograms at most (500,000)",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="of a pack: auto (default), cpu, cuda")
    add_output(parser, "reports/angles")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write the report."""
    from tqdm import tqdm

    from trainer.analysis.angles import AngleOptions, measure_angles
    from trainer.analysis.angles_report import angles_report
    from vidsearch.evaluation.report import check_target

    check_target(args.out)
    options = AngleOptions(
        model=args.model,
        data=args.data,
        test=args.test,
        people=args.people,
        pairs=args.pairs,
        device=args.device,
    )
    progress = functools.partial(
        tqdm, unit="face", desc="embedding", disable=not sys.stderr.isatty(), leave=False
    )
    return finish(angles_report(measure_angles(options, progress), options), args)
