"""The command ``vidsearch export``: a trained network -> a model pack."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.export.pack import ExportReport


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser of ``vidsearch``."""
    parser = commands.add_parser(
        "export",
        help="make a model pack of a trained network",
        description="Make a pack that 'vidsearch index --model' takes: ONNX checked against the "
        "network, calibrated on people that training never saw.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a run, or a checkpoint")
    parser.add_argument("pack", metavar="PACK", type=Path, help="folder of the pack; new")
    parser.add_argument("--name", default="", help="of the pack (default: the folder's)")
    parser.add_argument("--pack-version", default="1", metavar="V", help="of the pack (1)")
    parser.add_argument(
        "--precision", choices=["float32", "float16", "int8"], default="float32",
        help="of the network (float32)",
    )  # fmt: skip
    parser.add_argument(
        "--detector", default="open", metavar="PACK", help="pack whose detector is used (open)"
    )
    parser.add_argument("--licence", default="", help="of the weights (default: the set's)")
    parser.add_argument("--commercial-use", action="store_true", help="that licence allows it")
    parser.add_argument(
        "--held-out", default="", metavar="SET", help="other people (default: the run's)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the pack and print what was measured."""
    from dataclasses import asdict

    from trainer.export.pack import ExportOptions, export_pack

    report = export_pack(
        args.run_folder,
        args.pack,
        ExportOptions(
            name=args.name,
            version=args.pack_version,
            precision=args.precision,
            detector=args.detector,
            licence=args.licence,
            commercial_use=args.commercial_use,
            held_out=args.held_out,
        ),
    )
    print(json.dumps(asdict(report)) if args.json else describe(report, args.pack))
    return 0


def describe(report: ExportReport, pack: Path) -> str:
    """Return what a reader should know, a few lines."""
    lines = [
        (
            f"ONNX equals torch on {report.faces_compared} faces: largest difference "
            f"{report.onnx_difference:.1e} of an embedding's length."
        ),
        (
            f"Verification accuracy on held-out people ({report.pairs} pairs): "
            f"{report.accuracy_float32:.4f}"
        ),
    ]
    if report.precision != "float32":
        change = report.accuracy - report.accuracy_float32
        lines.append(f"In {report.precision}: {report.accuracy:.4f} ({change:+.4f})")
    lines.append(f"Wrote {pack} ({report.size_bytes / 1e6:.1f} MB, {report.precision}).")
    return "\n".join(lines)
