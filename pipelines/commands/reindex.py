"""The command ``vidsearch reindex``."""

from __future__ import annotations

import argparse
from typing import Any


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser of ``vidsearch``."""
    parser = commands.add_parser(
        "reindex",
        help="rebuild the search index from the tables",
        description="Rebuild the search index from the catalog's tables; searches go on meanwhile.",
    )
    parser.add_argument("catalog", metavar="CATALOG", help="folder of the catalog")
    parser.add_argument(
        "--scheduler",
        metavar="ADDR",
        help="let a running Dask cluster code the vectors, whose workers see the catalog under the "
        "same path, e.g. tcp://host:8786",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rebuild and say what became of it."""
    from vidsearch.catalog import Catalog
    from vidsearch.commands.catalog import describe_index
    from vidsearch.index.generations import BuildOptions
    from vidsearch.search.track_index import rebuild

    catalog = Catalog.open(args.catalog)
    options = BuildOptions()
    if args.scheduler is not None:
        from pipelines.reindex import build_options, require_shared

        require_shared(catalog, args.scheduler)  # before the work, not in the middle of it
        options = build_options(catalog, args.scheduler)
    print(f"Index rebuilt: {describe_index(rebuild(catalog, options))}.")
    return 0
