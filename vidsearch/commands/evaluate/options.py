"""What every protocol's command has in common: where its report goes and what it prints."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.evaluation.report import Report


def add_output(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--out`` and ``--json``."""
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        default=default,
        help=f"where the report goes; a report that is there is replaced ({default})",
    )
    parser.add_argument("--json", action="store_true", help="print metrics.json instead of a text")


def finish(report: Report, args: argparse.Namespace) -> int:
    """Write the report, say what it found, and return the exit status."""
    from vidsearch.evaluation.report import write_report
    from vidsearch.evaluation.report.write import METRICS, PAGE

    folder = write_report(report, args.out)
    if args.json:
        print(json.dumps(json.loads((folder / METRICS).read_text(encoding="utf-8"))))
        return 0
    print(printable(report.title))
    width = max((len(line.label) for line in report.headlines), default=0)
    for line in report.headlines:
        note = f"  ({line.note})" if line.note else ""
        print(printable(f"  {line.label.ljust(width)}  {line.value}{note}"))
    print(f"Report: {printable(str(folder / PAGE))}")
    return 0
