"""Plug-in that adds the commands of ``pipelines`` to ``vidsearch``."""

from __future__ import annotations

from pipelines.commands.demo import demo
from pipelines.commands.distractors import distractors
from pipelines.commands.index import index
from pipelines.commands.prepare import prepare
from pipelines.commands.reembed import reembed
from pipelines.commands.reindex import reindex
from vidsearch.commands.app import Registry


def register(registry: Registry) -> None:
    """Add the commands, and the protocol that can run on a Dask cluster."""
    for command in (index, demo, prepare, reembed, reindex):
        registry.commands.add_command(command)
    registry.protocols.add_command(distractors)
