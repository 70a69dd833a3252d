"""``vidsearch evaluate distractors``: MegaFace and Trillion-Pairs."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from vidsearch.commands.evaluate.options import add_output, finish
from vidsearch.errors import ConfigError

_PROTOCOLS = {"megaface": (1e-6, 1e-3, 100), "trillion-pairs": (1e-9, 1e-3, 1)}
"""FAR of the verification, FPR of the identification, length of the CMC."""


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "distractors",
        help="identification among distractors: MegaFace, Trillion-Pairs",
        description="Compare every probe with every gallery row, in bounded memory however many "
        "pairs there are; thresholds at tiny false accept rates are exact.",
    )
    parser.add_argument("protocol_name", metavar="PROTOCOL", choices=sorted(_PROTOCOLS),
                        help="megaface or trillion-pairs")  # fmt: skip
    for name, what in (
        ("probes", ".npy of probe embeddings (N, D)"),
        ("probe-list", "'picture subject' a line, one a row"),
        ("gallery", ".npy of gallery embeddings (G, D)"),
    ):
        parser.add_argument(f"--{name}", metavar="FILE", required=True, type=Path, help=what)
    parser.add_argument("--gallery-list", metavar="FILE", type=Path,
                        help="'picture' a line, one a row")  # fmt: skip
    parser.add_argument(
        "--gallery-subjects", action="store_true",
        help="the gallery list says 'picture subject': mates are in the gallery, not among probes",
    )  # fmt: skip
    parser.add_argument("--noise", metavar="FILE", action="append", default=[], type=Path,
                        help="pictures to leave out for the figures 'R' (repeatable)")  # fmt: skip
    parser.add_argument("--far", type=float, help="of the verification (the protocol's)")
    parser.add_argument("--fpr", type=float, help="of the identification (the protocol's)")
    parser.add_argument("--scheduler", metavar="ADDR", help="work on a running Dask cluster")
    add_output(parser, "reports/distractors")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report."""
    from vidsearch.evaluation.distractors.evaluate import DistractorOptions, evaluate_distractors
    from vidsearch.evaluation.report import check_target

    far, fpr, ranks = _PROTOCOLS[args.protocol_name]
    far = far if args.far is None else args.far
    fpr = fpr if args.fpr is None else args.fpr
    for name, value in (("--far", far), ("--fpr", fpr)):
        if not 0 <= value <= 1:
            raise ConfigError(f"{name} must lie in [0, 1]; got {value}")
    check_target(args.out)
    options = DistractorOptions(
        probes=args.probes,
        probe_list=args.probe_list,
        gallery=args.gallery,
        gallery_list=args.gallery_list,
        gallery_subjects=args.gallery_subjects,
        noise=tuple(args.noise),
        far=far,
        fpr=fpr,
        ranks=ranks,
        scheduler=args.scheduler,
    )
    if args.scheduler is None:
        return finish(evaluate_distractors(options), args)
    mapper = functools.partial(args.map_on_cluster, scheduler=args.scheduler)
    return finish(evaluate_distractors(options, mapper), args)
