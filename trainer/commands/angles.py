"""``vidsearch evaluate angles``: Table 3 for a trained network or a pack."""

from __future__ import annotations

import functools
import sys

import click

from vidsearch.commands.app import command
from vidsearch.commands.evaluate.options import finish, output
from vidsearch.commands.options import in_range


@command("angles", "Table 3: angles between class weights, centres and embeddings")
@click.argument(
    "model", metavar="MODEL", help="run folder or checkpoint; or a pack (without class weights)"
)
@click.argument(
    "dataset",
    metavar="DATASET",
    help="training set, as for 'vidsearch train'; its held-out people are the test set",
)
@click.option("--test", metavar="DATASET", default="", show_default=False, help="another test set")
@click.option(
    "--people",
    metavar="N",
    default=0,
    callback=in_range(least=0),
    help="number of people in each set; 0: all",
)
@click.option(
    "--pairs",
    metavar="N",
    default=500_000,
    callback=in_range(least=1),
    help="largest number of genuine pairs, and of impostor pairs, in the histograms",
)
@click.option(
    "--device", metavar="DEVICE", default="auto", help="device for a pack: auto, cpu, cuda"
)
@output("reports/angles")
def angles(
    model: str,
    dataset: str,
    test: str,
    people: int,
    pairs: int,
    device: str,
    out: str,
    as_json: bool,
) -> int:
    """Measure the angle statistics of the ArcFace paper's Table 3, in degrees.

    The angles are measured on the training set and on people held out from training. The report
    has the histograms of Figures 4a and 6.
    """
    from tqdm import tqdm

    from trainer.analysis.angles import AngleOptions, measure_angles
    from trainer.analysis.angles_report import angles_report
    from vidsearch.evaluation.report import check_target

    check_target(out)
    options = AngleOptions(
        model=model, data=dataset, test=test, people=people, pairs=pairs, device=device
    )
    progress = functools.partial(
        tqdm, unit="face", desc="embedding", disable=not sys.stderr.isatty(), leave=False
    )
    report = angles_report(measure_angles(options, progress), options)
    return finish(report, out, as_json)
