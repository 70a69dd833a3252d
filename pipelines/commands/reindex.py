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

    Searches can run meanwhile.
    """
    from vidsearch.catalog import Catalog
    from vidsearch.commands.catalog import describe_index
    from vidsearch.index.generations import BuildOptions
    from vidsearch.search.track_index import rebuild

    archive = Catalog.open(catalog)
    build = BuildOptions()
    if scheduler is not None:
        from pipelines.reindex import build_options, require_shared

        require_shared(archive, scheduler)  # Fails now instead of in the middle of the build.
        build = build_options(archive, scheduler)
    print(f"Index rebuilt: {describe_index(rebuild(archive, build))}.")
    return 0
