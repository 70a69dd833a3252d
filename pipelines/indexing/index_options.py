"""Deprecated ``IndexOptions`` of version 0.1: all fields of IndexConfig and ClusterConfig."""

from __future__ import annotations

import warnings
from dataclasses import fields
from typing import Any

from pipelines.cluster.config import ClusterConfig
from pipelines.stages.options import IndexConfig


class IndexOptions:
    """Deprecated since 0.2: pass ``IndexConfig`` and ``ClusterConfig`` to ``index``.

    Attributes:
        config: Fields that belong to ``IndexConfig``.
        cluster: Fields that belong to ``ClusterConfig``.

    Args:
        values: Fields of either class, by name.
    """

    def __init__(self, **values: Any) -> None:
        warnings.warn(
            "IndexOptions is deprecated; pass IndexConfig and ClusterConfig to pipelines.index",
            DeprecationWarning,
            stacklevel=2,
        )
        names = {field.name for field in fields(IndexConfig)} & values.keys()
        self.config = IndexConfig(**{name: values.pop(name) for name in names})
        self.cluster = ClusterConfig(**values)
