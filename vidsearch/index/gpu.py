"""GPU support of FAISS, if installed: k-means, and flat search for many queries."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_LOG = logging.getLogger(__name__)

MAX_NEIGHBOURS = 2048
"""FAISS's limit on a GPU."""

COPY_AFTER_QUERIES = 100
"""Queries after which the index is copied to the GPU. Starting CUDA takes as long as these."""


def count(faiss: Any) -> int:
    """Return the number of GPUs that the installed FAISS can use; 0 for its CPU build."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else 0


@contextmanager
def clustering(faiss: Any, index: Any, dim: int) -> Iterator[None]:
    """Run an inverted file's k-means on all GPUs inside this context."""
    if not count(faiss):
        yield
        return
    ivf = faiss.extract_index_ivf(index)
    on_gpus = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(dim))
    ivf.clustering_index = on_gpus
    try:
        yield
    finally:
        ivf.clustering_index = None


@dataclass(frozen=True, slots=True)
class FlatCopy:
    """Copy of a flat index on the first GPU.

    Attributes:
        index: FAISS index on the GPU; its ``search`` accepts no selectors.
        resources: GPU resources of the index, which must live as long.
    """

    index: Any
    resources: Any


def flat_copy(faiss: Any, index: Any) -> FlatCopy | None:
    """Copy a flat index to the GPU; None if there is no GPU or its memory is too small."""
    if not count(faiss):
        return None
    resources = faiss.StandardGpuResources()
    try:
        return FlatCopy(faiss.index_cpu_to_gpu(resources, 0, index), resources)
    except RuntimeError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        _LOG.warning("the index is searched on the CPU: the GPU cannot hold it (%s)", reason)
        return None
