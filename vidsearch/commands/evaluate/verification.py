"""``vidsearch evaluate verification``: LFW, CFP-FP, AgeDB-30, CALFW, CPLFW, YTF."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.commands.evaluate.options import add_output, finish
from vidsearch.errors import ConfigError

if TYPE_CHECKING:
    from vidsearch.evaluation.protocols.pairs import PairSet


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "verification",
        help="one person or two? LFW, CFP-FP, AgeDB-30, CALFW, CPLFW, YTF",
        description="Verification: accuracy over folds, TAR at FAR, equal error rate, ROC. DATA is "
        "a .bin file, or a folder of photos with --pairs (LFW) or of videos with --splits (YTF).",
    )
    parser.add_argument("data", metavar="DATA", help=".bin file, or folder of photos or frames")
    lists = parser.add_mutually_exclusive_group()
    lists.add_argument("--pairs", metavar="FILE", help="LFW's pairs.txt")
    lists.add_argument("--splits", metavar="FILE", help="YTF's splits.txt")
    parser.add_argument("--model", metavar="PACK", default="open", help="model pack (open)")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    parser.add_argument(
        "--processes", metavar="N", type=int, default=os.cpu_count() or 1,
        help="processes (default: one a core)",
    )  # fmt: skip
    parser.add_argument("--folds", metavar="N", type=int, default=10, help="of a .bin or YTF (10)")
    parser.add_argument(
        "--faces", choices=["auto", "aligned", "detect"], default="auto",
        help="whether pictures are aligned to 112 x 112 already or faces must be found (auto: .bin "
        "files are, where the pack uses that alignment)",
    )  # fmt: skip
    add_output(parser, "reports/verification")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report."""
    from vidsearch.device import resolve_device
    from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
    from vidsearch.evaluation.report import check_target
    from vidsearch.evaluation.verification.evaluate import evaluate_pairs
    from vidsearch.faces.geometry.align import ARCFACE_112
    from vidsearch.models.registry import load_pack

    check_target(args.out)
    pairs = _read(args)
    aligned = args.faces == "aligned"
    if args.faces == "auto" and pairs.aligned:
        pack = load_pack(args.model, resolve_device(args.device), announce=False)
        aligned = pack.embedder.template == ARCFACE_112
    options = EmbeddingOptions(
        model=args.model,
        device=args.device,
        processes=args.processes,
        aligned=aligned,
        show_progress=True,
    )
    return finish(evaluate_pairs(pairs, options), args)


def _read(args: argparse.Namespace) -> PairSet:
    from vidsearch.evaluation.protocols.pairs import read_bin, read_lfw_pairs, read_ytf

    data = Path(args.data)
    if args.pairs is not None:
        return read_lfw_pairs(Path(args.pairs), data)
    if args.splits is not None:
        return read_ytf(Path(args.splits), data, args.folds)
    if data.is_dir():
        raise ConfigError(
            f"{args.data!r} is a folder: name its pairs with --pairs (LFW) or --splits (YTF)"
        )
    return read_bin(data, args.folds)
