"""The command ``vidsearch evaluate``: its sub-commands live in ``pipelines.evaluate``."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from vidsearch.commands import protocols

# Each module adds one sub-command, or a few that belong together, with its ``register``.
_MODULES = (
    "verification_cli",
    "templates_cli",
    "identification_cli",
    "distractors_cli",
    "retrieval_cli",
    "ladder_cli",
    "iqiyi_cli",
    "compare_cli",
)


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the protocols to the parser of ``vidsearch``."""
    below = protocols(commands)
    for name in _MODULES:
        import_module(f"pipelines.evaluate.{name}").register(below)
