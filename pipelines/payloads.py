"""Deprecated import path of version 0.1; use ``from pipelines import IndexConfig``."""

from pipelines.indexing.index_options import IndexOptions

__all__ = ["IndexOptions"]
