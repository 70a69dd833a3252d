"""Options of commands that work in several processes or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from vidsearch.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


def _at_least_one(_: click.Context, __: click.Parameter, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise ConfigError(f"--workers must be at least 1; got {value}")
    return value


def workers(help_text: str = "number of processes (default: one per core)") -> Callable[[F], F]:
    """Return a decorator that adds ``--workers``, checked to be at least 1."""
    return click.option("--workers", metavar="N", type=int, callback=_at_least_one, help=help_text)


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
