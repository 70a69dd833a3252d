"""Pipelines: whole archives through the stages, on one machine or a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.indexing.run import index

__all__ = ["index"]


def __getattr__(name: str) -> Any:
    """Load ``index`` on first use: the command line must answer at once."""
    if name == "index":
        from pipelines.indexing.run import index

        return index
    raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
