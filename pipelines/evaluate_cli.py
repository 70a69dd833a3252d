"""The command ``vidsearch evaluate``: its sub-commands live in ``pipelines.evaluate``."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

# Each module adds one sub-command, or a few that belong together, with its ``register``.
_MODULES = (
    "verification_cli",
    "distractors_cli",
    "retrieval_cli",
    "ladder_cli",
    "iqiyi_cli",
    "compare_cli",
)


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser of ``vidsearch``."""
    parser = commands.add_parser(
        "evaluate",
        help="measure accuracy by the protocols of the field",
        description="Measure accuracy by a protocol of the field. Each writes a folder: "
        "metrics.json, tables, figures and report.html.",
    )
    protocols = parser.add_subparsers(
        title="protocols",
        dest="protocol",
        metavar="PROTOCOL",
        required=True,
        parser_class=type(parser),
    )
    for name in _MODULES:
        import_module(f"pipelines.evaluate.{name}").register(protocols)
