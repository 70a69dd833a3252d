"""The command ``vidsearch reindex``."""

from __future__ import annotations

import click

from vidsearch.commands import options
from vidsearch.commands.app import command


@command("reindex", "rebuild the search index from the tables")
@options.catalog
@click.option(
    "--scheduler",
    metavar="ADDR",
    help="encode the vectors on a running Dask cluster, whose workers see the catalog under the "
    "same path, e.g. tcp://host:8786",
)
def reindex(catalog: str, scheduler: str | None) -> int:
    """Rebuild the search index from the catalog's tables.

    Searches can run during the rebuild.
    """
    from pipelines.reindex import reindex as rebuild
    from vidsearch.commands.catalog import describe_index

    print(f"Index rebuilt: {describe_index(rebuild(catalog, scheduler))}.")
    return 0
