"""Options and arguments that several commands share."""

from __future__ import annotations

import os
from typing import Final

import click

SOME_INPUTS_FAILED: Final = 3
"""Exit status of a command that finished although some inputs could not be used."""

catalog = click.argument("catalog", metavar="CATALOG", help="folder of the catalog")
device = click.option(
    "--device", metavar="DEVICE", default="auto", help="auto, cpu, cuda or cuda:i"
)
pack = click.option("--model", metavar="PACK", default="open", help="model pack")
processes = click.option(
    "--processes",
    metavar="N",
    default=os.cpu_count() or 1,
    show_default="one per core",
    help="number of processes",
)
print_json = click.option("--json", "as_json", is_flag=True, help="print one JSON object")
print_report_as_json = click.option(
    "--json", "as_json", is_flag=True, help="print the report as one JSON object"
)
