"""The command ``vidsearch export``: a trained network -> a model pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vidsearch.commands import options
from vidsearch.commands.app import command
from vidsearch.text.json_text import json_text
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from trainer.export.pack import ExportReport


@command("export", "make a model pack of a trained network")
@click.argument("run_folder", metavar="RUN", type=Path, help="a run, or a checkpoint")
@click.argument("pack", metavar="PACK", type=Path, help="folder of the pack; must be new")
@click.option(
    "--name", metavar="NAME", default="", show_default="the folder's name", help="name of the pack"
)
@click.option("--pack-version", metavar="V", default="1", help="version of the pack")
@click.option(
    "--precision",
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    help="precision of the exported network",
)
@click.option("--detector", metavar="PACK", default="open", help="pack whose detector is used")
@click.option(
    "--licence",
    metavar="LICENCE",
    default="",
    show_default="the training set's",
    help="licence of the weights",
)
@click.option("--commercial-use", is_flag=True, help="the licence allows commercial use")
@click.option(
    "--held-out",
    metavar="SET",
    default="",
    show_default="the run's",
    help="another set of held-out people",
)
@options.print_report_as_json
def export(
    run_folder: Path,
    pack: Path,
    name: str,
    pack_version: str,
    precision: Literal["float32", "float16", "int8"],
    detector: str,
    licence: str,
    commercial_use: bool,
    held_out: str,
    as_json: bool,
) -> int:
    """Make a pack for 'vidsearch index --model'.

    The ONNX file is compared with the network and calibrated on people held out from training.
    """
    from dataclasses import asdict

    from trainer.export.pack import ExportOptions, export_pack

    report = export_pack(
        run_folder,
        pack,
        ExportOptions(
            name=name,
            version=pack_version,
            precision=precision,
            detector=detector,
            licence=licence,
            commercial_use=commercial_use,
            held_out=held_out,
        ),
    )
    print(json_text(asdict(report)) if as_json else describe(report, pack))
    return 0


def describe(report: ExportReport, pack: Path) -> str:
    """Return the measured values and the pack's path in a few lines."""
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
    lines.append(
        f"Wrote {printable(str(pack))} ({report.size_bytes / 1e6:.1f} MB, {report.precision})."
    )
    return "\n".join(lines)
