"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import click

from vidsearch.errors import ConfigError
from vidsearch.processes import usable_cores

SOME_INPUTS_FAILED: Final = 3
"""Exit status of a command that finished although some inputs could not be used."""

Number = TypeVar("Number", int, float)


def in_range(
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    unit: str = "",
) -> Callable[[click.Context, click.Parameter, Number | None], Number | None]:
    """Return a callback that checks a number; the error names the option as it is typed.

    Args:
        least: Smallest value.
        above: Limit that a value must exceed.
        most: Largest value.
        below: Limit that a value must not reach.
        unit: Unit of the value, for the error.
    """
    rules = [
        f"{words} {limit:g}"
        for words, limit in (
            ("at least", least),
            ("above", above),
            ("at most", most),
            ("below", below),
        )
        if limit is not None
    ]
    rule = f"{' and '.join(rules)}{f' {unit}' if unit else ''}"

    def check(_: click.Context, parameter: click.Parameter, value: Number | None) -> Number | None:
        if value is None or (
            (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
            and (below is None or value < below)
        ):
            return value
        raise ConfigError(f"{parameter.opts[0]} must be {rule}; got {value}")

    return check


catalog = click.argument("catalog", metavar="CATALOG", help="folder of the catalog")
device = click.option(
    "--device", metavar="DEVICE", default="auto", help="auto, cpu, cuda or cuda:i"
)
pack = click.option("--model", metavar="PACK", default="open", help="model pack")
processes = click.option(
    "--processes",
    metavar="N",
    default=usable_cores(),
    show_default="one per core",
    callback=in_range(least=1),
    help="number of processes",
)
print_json = click.option("--json", "as_json", is_flag=True, help="print one JSON object")
print_report_as_json = click.option(
    "--json", "as_json", is_flag=True, help="print the report as one JSON object"
)
