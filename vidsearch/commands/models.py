"""``vidsearch models``: packs, licences, where their files are, hashes checked."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.models.status import PackStatus

HEADER = ("pack", "commercial use", "dim", "verified", "licence", "files")


def register(commands: Any) -> None:
    """Add the ``models`` command to the sub-parsers of ``vidsearch``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "models",
        help="packs, licences, where their files are, hashes checked",
        description="List the model packs that --model takes and check their files. Nothing is "
        "fetched.",
    )
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="packs of your own: folders with pack.toml"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what is known about every pack; status 0 also where some are not on this machine."""
    from vidsearch.models.status import list_packs

    statuses = list_packs(folders=[Path(folder) for folder in args.folders])
    if args.json:
        text = json.dumps({"packs": [asdict(status) for status in statuses]}, indent=2)
    else:
        text = table(statuses)
    sys.stdout.write(text + "\n")
    return 0


def table(statuses: list[PackStatus]) -> str:
    """Return one line a pack, and below them what is wrong with those that do not verify."""
    rows = [HEADER, *(_row(status) for status in statuses)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    complaints = [printable(status.why) for status in statuses if status.why]
    return "\n".join([*lines, *([""] if complaints else []), *complaints])


def _row(status: PackStatus) -> tuple[str, ...]:
    commercial = {True: "yes", False: "no", None: "unknown"}[status.commercial_use]
    cells = (
        status.name,
        commercial,
        str(status.dim) if status.dim is not None else "?",
        "yes" if status.verified else "NO" if status.installed else "not here",
        status.licence if status.licence else "unknown",
        status.location,
    )
    return tuple(printable(cell) for cell in cells)
