"""``vidsearch evaluate compare``: test if report B is better than report A."""

from __future__ import annotations

import click

from vidsearch.commands.app import command
from vidsearch.commands.evaluate.options import finish, output
from vidsearch.commands.options import in_range
from vidsearch.errors import ConfigError


@command("compare", "compare two reports side by side: is B better?")
@click.argument("a", metavar="A", help="folder of a report")
@click.argument("b", metavar="B", help="folder of another report of the same protocol")
@click.option("--resamples", metavar="N", default=2000, help="resamples of the bootstrap")
@click.option(
    "--seed", metavar="N", default=0, callback=in_range(least=0), help="seed of the resamples"
)
@output("reports/comparison")
def compare(a: str, b: str, resamples: int, seed: int, out: str, as_json: bool) -> int:
    """Compare two reports on the same data with a paired bootstrap."""
    from vidsearch.evaluation.compare import compare_reports
    from vidsearch.evaluation.report import check_target, read_report

    if resamples < 100:
        raise ConfigError(f"--resamples must be at least 100; got {resamples}")
    check_target(out)
    report = compare_reports(read_report(a), read_report(b), resamples=resamples, seed=seed)
    return finish(report, out, as_json)
