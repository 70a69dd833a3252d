"""``vidsearch evaluate figures``: the ArcFace paper's figures from our own data."""

from __future__ import annotations

import click

from vidsearch.commands.app import Option, command
from vidsearch.commands.evaluate.options import finish, output
from vidsearch.commands.options import in_range


@command("figures", "the ArcFace paper's figures 3 to 9, from your own runs and reports")
@click.option(
    "--only",
    cls=Option,
    metavar="N [N...]",
    several=True,
    help="draw only these figures: 3 4a 4b 5 6 7 8 9",
)
@click.option(
    "--run",
    "train_run",
    metavar="RUN",
    default="",
    show_default=False,
    help="training run for figure 4a",
)
@click.option(
    "--report",
    "reports",
    metavar="FOLDER",
    multiple=True,
    help="report of 'vidsearch evaluate', for figures 6 to 9 (repeatable)",
)
@click.option(
    "--steps",
    metavar="N",
    default=300,
    callback=in_range(least=1),
    help="updates of each run for figure 3",
)
@output("reports/figures")
def figures(
    only: tuple[str, ...],
    train_run: str,
    reports: tuple[str, ...],
    steps: int,
    out: str,
    as_json: bool,
) -> int:
    """Draw the ArcFace paper's figures as SVG.

    Figure 3 (a small network, trained by this command), 4b and 5 (margins) are always possible.
    Figure 4a needs a run; 6, 7 and 9 need reports on verification, 8 needs reports on distractors.
    """
    from trainer.analysis.figures import FigureOptions, figures_report
    from vidsearch.evaluation.report import check_target

    check_target(out)
    options = FigureOptions(only=only, run=train_run, reports=reports, steps=steps)
    return finish(figures_report(options), out, as_json)
