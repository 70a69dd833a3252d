"""The command ``vidsearch models``: packs, licences, locations of their files, hashes."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidsearch.commands import options
from vidsearch.commands.app import command
from vidsearch.text.json_text import json_text
from vidsearch.text.names import portable_name
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.models.registry import PackStatus

HEADER = ("pack", "commercial use", "dim", "verified", "licence", "files")


@command("models", "packs, licences, locations of their files, hashes checked")
@click.argument(
    "folders",
    metavar="[FOLDER]...",
    nargs=-1,
    type=Path,
    help="your own packs: folders with pack.toml",
)
@options.print_json
def models(folders: tuple[Path, ...], as_json: bool) -> int:
    """List the model packs that --model takes and check their files.

    Nothing is downloaded.
    """
    from vidsearch.models.registry import list_packs

    statuses = list_packs(folders=list(folders))
    if as_json:
        text = json_text({"packs": [_json_fields(status) for status in statuses]}, indent=2)
    else:
        text = table(statuses)
    sys.stdout.write(text + "\n")
    return 0


def _json_fields(status: PackStatus) -> dict[str, object]:
    """Return the fields of a status; ``problem`` keeps its name ``why`` in JSON."""
    fields = asdict(status)
    for name in ("name", "location"):
        fields[name] = portable_name(fields[name])
    fields["why"] = fields.pop("problem")
    return fields


def table(statuses: list[PackStatus]) -> str:
    """Return one line per pack, then the errors of packs that do not verify."""
    rows = [HEADER, *(_row(status) for status in statuses)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    problems = [printable(status.problem) for status in statuses if status.problem]
    return "\n".join([*lines, *([""] if problems else []), *problems])


def _row(status: PackStatus) -> tuple[str, ...]:
    commercial = {True: "yes", False: "no", None: "unknown"}[status.commercial_use]
    cells = (
        status.name,
        commercial,
        str(status.dim) if status.dim is not None else "?",
        "yes" if status.verified else "NO" if status.installed else "missing",
        status.licence if status.licence else "unknown",
        status.location,
    )
    return tuple(printable(cell) for cell in cells)
