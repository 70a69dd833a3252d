"""Rebuild the search index of a catalog, on this machine or a running cluster."""

from __future__ import annotations

import os

from pipelines.cluster.index_shards import build_options, require_shared
from vidsearch.catalog import Catalog
from vidsearch.erasure.erase import finish_pending
from vidsearch.search.track_index import IndexStatus, rebuild


def reindex(root: str | os.PathLike[str], scheduler: str | None = None) -> IndexStatus:
    """Rebuild the index from the tables of a catalog and return its status.

    Searches continue on the present generation meanwhile.

    Args:
        root: Folder of the catalog.
        scheduler: Address of a Dask scheduler whose workers encode the vectors; None encodes them
            on this machine.

    Raises:
        CatalogError: A table is missing or damaged, or the index cannot be written.
        ConfigError: No scheduler answers, or a worker does not see the catalog.
        ClusterLostError: The scheduler or all workers are gone.
    """
    catalog = Catalog.open(root)
    finish_pending(catalog)
    if scheduler is not None:
        require_shared(catalog.root, scheduler)  # before any work starts
    return rebuild(catalog, build_options(catalog.root, scheduler))
