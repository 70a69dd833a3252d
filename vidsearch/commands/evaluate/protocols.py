"""The command ``vidsearch evaluate``."""

from __future__ import annotations

import argparse
from typing import Any

from vidsearch.commands.evaluate import (
    ablation,
    compare,
    distractors,
    identification,
    iqiyi,
    retrieval,
    templates,
    verification,
)
from vidsearch.commands.parser import protocols

# Each module adds one sub-command, or a few that belong together, with its ``register``.
_MODULES = (
    verification,
    templates,
    identification,
    distractors,
    retrieval,
    ablation,
    iqiyi,
    compare,
)


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the protocols to the parser of ``vidsearch``."""
    below = protocols(commands)
    for module in _MODULES:
        module.register(below)
