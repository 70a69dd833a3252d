"""What several packages build commands with: the parser, and ``evaluate``, which they share."""

from __future__ import annotations

import argparse
from typing import Any


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line.

    Attributes:
        below: Its sub-commands, where it has any.
    """

    below: argparse._SubParsersAction[Any] | None = None

    def add_subparsers(self, **options: Any) -> argparse._SubParsersAction[Any]:
        self.below = super().add_subparsers(**options)
        return self.below

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def protocols(commands: argparse._SubParsersAction[Any]) -> argparse._SubParsersAction[Any]:
    """Return where protocols are added: the command ``evaluate``, made by whoever comes first.

    Args:
        commands: The sub-commands of ``vidsearch``.
    """
    parser = commands.choices.get("evaluate")
    if parser is None:
        parser = commands.add_parser(
            "evaluate",
            help="measure accuracy by the protocols of the field",
            description="Measure accuracy by a protocol of the field. Each writes a folder: "
            "metrics.json, tables, figures and report.html.",
        )
        parser.add_subparsers(
            title="protocols",
            dest="protocol",
            metavar="PROTOCOL",
            required=True,
            parser_class=type(parser),
        )
    if not isinstance(parser, Parser) or parser.below is None:
        raise TypeError("the parser of 'evaluate' must be a vidsearch.commands.parser.Parser")
    return parser.below
