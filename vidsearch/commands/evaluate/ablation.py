"""``vidsearch evaluate ladder``: the steps of the paper's Table 9 on a labelled set."""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.commands.evaluate.options import add_output, finish
from vidsearch.errors import ConfigError

if TYPE_CHECKING:
    from vidsearch.evaluation.ablation.data import LabelledSet


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "ladder",
        help="Table 9: feature centre, + MLP, + ensemble, + context",
        description="Climb the steps of the paper's Table 9. SET is a folder IDENTITY/photo.jpg, "
        "or Parquet files (one a pack) with the columns clip, identity, split, embedding and, in "
        "the first, context.",
    )
    parser.add_argument("sets", metavar="SET", nargs="+", help="a folder, or Parquet files")
    parser.add_argument(
        "--model", metavar="PACK", action="append",
        help="pack for a folder's photos (open); repeat it for an ensemble",
    )  # fmt: skip
    parser.add_argument("--classifier", metavar="ONNX", help="whole-frame descriptor: its output")
    parser.add_argument("--test-share", metavar="S", type=float, default=0.5, help="(0.5)")
    parser.add_argument("--epochs", metavar="N", type=int, default=60, help="of training (60)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the networks (0)")
    for step in ("mlp", "ensemble", "context"):
        parser.add_argument(f"--no-{step}", action="store_true", help=f"leave out the step: {step}")
    add_output(parser, "reports/ladder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Climb and write the report."""
    from vidsearch.evaluation.ablation.evaluate import LadderOptions, ladder_report
    from vidsearch.evaluation.ablation.network import NetConfig
    from vidsearch.evaluation.report import check_target

    check_target(args.out)
    if not 0 < args.test_share < 1:
        raise ConfigError(f"--test-share must lie between 0 and 1; got {args.test_share}")
    if args.epochs < 1:
        raise ConfigError(f"--epochs must be at least 1; got {args.epochs}")
    options = LadderOptions(
        mlp=not args.no_mlp,
        ensemble=not args.no_ensemble,
        context=not args.no_context,
        net=NetConfig(seed=args.seed, epochs=args.epochs),
    )
    names = ("sets", "model", "classifier", "test_share", "epochs", "seed", "no_mlp", "no_ensemble",
             "no_context")  # fmt: skip
    configuration = {name: getattr(args, name) for name in names}
    return finish(ladder_report(_read(args), options, configuration), args)


def _read(args: argparse.Namespace) -> LabelledSet:
    from tqdm import tqdm

    from vidsearch.evaluation.ablation.data import from_folder, from_parquet
    from vidsearch.evaluation.ablation.frame_context import colour_and_edges, onnx_classifier

    folders = [name for name in args.sets if Path(name).is_dir()]
    if not folders:
        if args.model or args.classifier:
            raise ConfigError("--model and --classifier are for a folder of photos; drop them")
        return from_parquet(args.sets)
    if len(args.sets) > 1:
        raise ConfigError("name one folder, or Parquet files, not both")
    describe = None
    if not args.no_context:
        describe = onnx_classifier(args.classifier) if args.classifier else colour_and_edges
    progress = functools.partial(
        tqdm, unit="photo", desc="embedding", disable=not sys.stderr.isatty(), leave=False
    )
    packs = args.model if args.model is not None else ["open"]
    return from_folder(folders[0], packs, describe, test_share=args.test_share, progress=progress)
