"""``vidsearch evaluate templates``: IJB-B and IJB-C."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from vidsearch.commands.evaluate.options import add_output, finish


def register(protocols: argparse._SubParsersAction[Any]) -> None:
    """Add the sub-command."""
    parser = protocols.add_parser(
        "templates",
        help="templates of many media: IJB-B, IJB-C, 1:1 and 1:N",
        description="IJB-B and IJB-C: TAR at FAR of template pairs; rank-k and TPIR at FPIR of "
        "probes in galleries. MEDIA says which image belongs to which template and medium; "
        "embeddings are made from --images or read from --embeddings, one row a line of MEDIA.",
    )
    parser.add_argument("media", metavar="MEDIA", type=Path, help="*_face_tid_mid.txt")
    for name, what in (
        ("pairs", "*_template_pair_label.txt: verification 1:1"),
        ("faces", "*_name_5pts_score.txt: landmarks and detection scores"),
        ("probes", "*_1N_probe_mixed.csv: identification 1:N"),
        ("embeddings", ".npy, or .parquet with a column 'embedding': raw, mirrored face added"),
        ("save-embeddings", ".npy to keep the embeddings of --images in"),
    ):
        parser.add_argument(f"--{name}", metavar="FILE", type=Path, help=what)
    parser.add_argument("--gallery", metavar="FILE", type=Path, action="append", default=[],
                        help="*_1N_gallery_G1.csv (repeatable: G1 and G2)")  # fmt: skip
    parser.add_argument("--images", metavar="FOLDER", type=Path, help="the images (loose_crop)")
    parser.add_argument(
        "--halves", action="store_true",
        help="a row of --embeddings holds the embedding and, after it, the mirrored face's",
    )  # fmt: skip
    parser.add_argument("--detection-scores", action="store_true",
                        help="weigh every embedding by its detection score")  # fmt: skip
    parser.add_argument("--model", metavar="PACK", default="open", help="model pack (open)")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    parser.add_argument(
        "--processes", metavar="N", type=int, default=os.cpu_count() or 1,
        help="processes (default: one a core)",
    )  # fmt: skip
    add_output(parser, "reports/templates")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report."""
    from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
    from vidsearch.evaluation.report import check_target
    from vidsearch.evaluation.templates.data import TemplateOptions
    from vidsearch.evaluation.templates.evaluate import evaluate_templates

    check_target(args.out)
    embedding = EmbeddingOptions(
        model=args.model, device=args.device, processes=args.processes, show_progress=True
    )
    options = TemplateOptions(
        media=args.media,
        pairs=args.pairs,
        faces=args.faces,
        images=args.images,
        embeddings=args.embeddings,
        halves=args.halves,
        detection_scores=args.detection_scores,
        galleries=tuple(args.gallery),
        probes=args.probes,
        save_embeddings=args.save_embeddings,
        threads=args.processes,
    )
    return finish(evaluate_templates(options, embedding), args)
