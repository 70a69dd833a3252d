"""Options of commands that work in several processes or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from vidsearch.commands.options import in_range

F = TypeVar("F", bound=Callable[..., Any])


def workers(help_text: str = "number of processes (default: one per core)") -> Callable[[F], F]:
    """Return a decorator that adds ``--workers``, checked to be at least 1."""
    return click.option(
        "--workers", metavar="N", type=int, callback=in_range(least=1), help=help_text
    )


scheduler = click.option(
    "--scheduler", metavar="ADDR", help="use a running Dask cluster, e.g. tcp://host:8786"
)


def worker_count(given: int | None, *, elsewhere: bool) -> int:
    """Return the number of local processes to start.

    Args:
        given: Value of ``--workers``; None: one per core, as memory allows.
        elsewhere: True if other machines do the work or no worker is needed; 1 by default then.
    """
    if given is not None:
        return given
    if elsewhere:
        return 1
    from pipelines.cluster.client import default_workers

    return default_workers()
