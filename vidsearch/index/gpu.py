"""FAISS's GPUs, where the installed FAISS has any: k-means, and the flat search of many queries."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_LOG = logging.getLogger(__name__)

MOST_NEIGHBOURS = 2048
"""FAISS finds no more on a GPU."""

WORTH_AFTER = 100
"""Queries after which a copy on the GPU is made: starting CUDA takes as long as these do here."""


def count(faiss: Any) -> int:
    """Return how many GPUs the installed FAISS can use; its CPU build knows of none."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else 0


@contextmanager
def clustering(faiss: Any, index: Any, dim: int) -> Iterator[None]:
    """Let an inverted file's k-means run on every GPU there is, for as long as this is open."""
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
    """A flat index's copy on the first GPU.

    Attributes:
        index: FAISS's, with ``search``; it knows no selectors.
        resources: What it computes with; must live as long.
    """

    index: Any
    resources: Any


def flat_copy(faiss: Any, index: Any) -> FlatCopy | None:
    """Copy a flat index to the GPU; None where there is no GPU or too little memory on it."""
    if not count(faiss):
        return None
    resources = faiss.StandardGpuResources()
    try:
        return FlatCopy(faiss.index_cpu_to_gpu(resources, 0, index), resources)
    except RuntimeError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        _LOG.warning("the index is searched on the processor: the GPU refused it (%s)", reason)
        return None
