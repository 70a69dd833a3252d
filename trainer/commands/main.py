"""Plug-in that adds the commands of ``trainer`` to ``vidsearch``."""

from __future__ import annotations

from trainer.commands.angles import angles
from trainer.commands.export import export
from trainer.commands.figures import figures
from trainer.commands.train import train
from vidsearch.commands.app import Registry


def register(registry: Registry) -> None:
    """Add ``train`` and ``export``, and the protocols ``angles`` and ``figures``."""
    registry.commands.add_command(train)
    registry.commands.add_command(export)
    registry.protocols.add_command(angles)
    registry.protocols.add_command(figures)
