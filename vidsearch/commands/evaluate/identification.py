"""``vidsearch evaluate identification``: folders of gallery and probe photos."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from vidsearch.commands.evaluate.options import add_output, finish


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "identification",
        help="who is it? probe photos searched in a gallery of photos",
        description="Identification on your own photos: rank-k of probes whose person is in the "
        "gallery, TPIR at FPIR with those who are not. Both folders hold one folder a person; the "
        "same person has the same name in both.",
    )
    parser.add_argument("gallery", metavar="GALLERY", type=Path, help="folder <person>/<photo>")
    parser.add_argument("probes", metavar="PROBES", type=Path, help="folder <person>/<photo>")
    parser.add_argument(
        "--photos", choices=["each", "together"], default="each",
        help="each probe photo is a search (default), or all photos of a person make one",
    )  # fmt: skip
    parser.add_argument("--model", metavar="PACK", default="open", help="model pack (open)")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    parser.add_argument(
        "--processes", metavar="N", type=int, default=os.cpu_count() or 1,
        help="processes (default: one a core)",
    )  # fmt: skip
    add_output(parser, "reports/identification")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report."""
    from vidsearch.evaluation.identification.evaluate import evaluate_identification
    from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
    from vidsearch.evaluation.report import check_target

    check_target(args.out)
    options = EmbeddingOptions(
        model=args.model, device=args.device, processes=args.processes, show_progress=True
    )
    return finish(evaluate_identification(args.gallery, args.probes, args.photos, options), args)
