"""Pipelines: whole archives through the stages, on one machine or a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.cluster.config import ClusterConfig
    from pipelines.indexing.run import index
    from pipelines.stages.options import IndexConfig

__all__ = ["ClusterConfig", "IndexConfig", "index"]


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that importing the package stays fast."""
    if name == "index":
        from pipelines.indexing.run import index

        return index
    if name == "IndexConfig":
        from pipelines.stages.options import IndexConfig

        return IndexConfig
    if name == "ClusterConfig":
        from pipelines.cluster.config import ClusterConfig

        return ClusterConfig
    raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
