"""Options of every protocol: the folder of the report, and the form of the printed result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vidsearch.commands.options import SOME_INPUTS_FAILED
from vidsearch.text.json_text import json_text
from vidsearch.text.parse import read_json
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.evaluation.report import Report

F = TypeVar("F", bound=Callable[..., Any])


def output(default: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--out`` and ``--json``.

    Args:
        default: Folder of the report without ``--out``.
    """

    def decorate(function: F) -> F:
        out = click.option(
            "--out",
            metavar="FOLDER",
            default=default,
            help="folder of the report; an earlier report in it is replaced",
        )
        as_json = click.option(
            "--json", "as_json", is_flag=True, help="print metrics.json instead of text"
        )
        return out(as_json(function))

    return decorate


photos = click.option(
    "--photos",
    type=click.Choice(["each", "together"]),
    default="each",
    help="one query per photo, or one query of all photos of a person",
)


def file_option(name: str, help_text: str, *, required: bool = False) -> Callable[[F], F]:
    """Return a decorator that adds an option for the path of a file."""
    return click.option(name, metavar="FILE", type=Path, required=required, help=help_text)


def finish(report: Report, out: str, as_json: bool) -> int:
    """Write the report, print its headlines or its metrics, and return the exit status."""
    from vidsearch.evaluation.report import write_report
    from vidsearch.evaluation.report.left_out import left_out_line, passed_over_line
    from vidsearch.evaluation.report.write import METRICS, PAGE

    folder = write_report(report, out)
    status = SOME_INPUTS_FAILED if any(not group.remark for group in report.left_out) else 0
    if as_json:
        print(json_text(read_json((folder / METRICS).read_text(encoding="utf-8"))))
        return status
    print(printable(report.title))
    width = max((len(line.label) for line in report.headlines), default=0)
    for line in report.headlines:
        note = f"  ({line.note})" if line.note else ""
        print(printable(f"  {line.label.ljust(width)}  {line.value}{note}"))
    for group in report.left_out:
        print(f"  {left_out_line(group)}")
    if report.passed_over:
        print(f"  {passed_over_line(report.passed_over)}")
    print(f"Report: {printable(str(folder / PAGE))}")
    return status
