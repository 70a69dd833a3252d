"""Build of an index from a file of vectors, in steps that separate processes can run.

``train`` runs once on a sample. ``build_shard`` runs for each range of rows, on any free core.
``merge`` joins the shards into one inverted file on disk, which is mapped and never read
completely. Each step takes paths and returns a path, so that a cluster can run it. ``build`` runs
all steps. The ids inside FAISS are the row numbers of the vectors, assigned by the inverted file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ShapeError
from vidsearch.index import gpu
from vidsearch.index.base import VectorIndex
from vidsearch.index.faiss import FaissFlatIndex, library
from vidsearch.index.ivf import IvfIndex
from vidsearch.index.plan import Plan
from vidsearch.index.pq import FlatPqIndex, empty, joined
from vidsearch.index.sq8 import FlatSq8Index
from vidsearch.processes import usable_cores

FLAT, VECTORS, CODES, LISTS = "vectors.faiss", "vectors.npy", "codes.faiss", "lists.ivf"

SHARD_ROWS = 250_000
_CHUNK_ROWS = 50_000
_ITERATIONS = 8  # k-means iterations; limits the training time, not tuned for recall


@dataclass(frozen=True, slots=True)
class ShardTask:
    """Arguments of ``build_shard`` for one shard.

    Attributes:
        trained: File written by ``train``.
        vectors: ``.npy`` file of the vectors.
        start: First row.
        stop: Row after the last.
        out: File to write.
        threads: FAISS threads.
        first: Row number of the first vector in the file.
    """

    trained: Path
    vectors: Path
    start: int
    stop: int
    out: Path
    threads: int = 1
    first: int = 0


RunShards = Callable[[Callable[[ShardTask], Path], Sequence[ShardTask]], Sequence[Path]]
"""Runs a function over tasks, in this process or elsewhere; returns the results in order."""


def run_here(work: Callable[[ShardTask], Path], tasks: Sequence[ShardTask]) -> Sequence[Path]:
    """Run the tasks in this process, one after the other."""
    return [work(task) for task in tasks]


def allocate(folder: Path, shape: tuple[int, int]) -> Matrix:
    """Return an array of this (N, D) shape, float32, mapped from the vectors file of a folder."""
    return np.lib.format.open_memmap(folder / VECTORS, mode="w+", dtype=np.float32, shape=shape)


def build(
    folder: Path, plan: Plan, run_shards: RunShards = run_here, threads: int | None = None
) -> tuple[str, ...]:
    """Build the index over the vectors file in ``folder``; return the names of its files.

    Args:
        folder: Folder with ``vectors.npy``; the index is written beside it.
        plan: Parameters of the index; any kind but ``faiss-flat``.
        run_shards: Runs the builds of the shards.
        threads: FAISS threads in each step; None: every core available to this process.

    Raises:
        OSError: A file cannot be written.
        RuntimeError: FAISS cannot write a file.
    """
    if threads is None:
        threads = usable_cores()
    count = len(np.load(folder / VECTORS, mmap_mode="r"))
    trained = train(folder / VECTORS, plan, folder / "trained.part", threads)
    if plan.kind == "flat-sq8":
        task = ShardTask(trained, folder / VECTORS, 0, count, folder / CODES, threads)
        build_shard(task)
        trained.unlink()
        return VECTORS, CODES
    tasks = [
        ShardTask(
            trained,
            folder / VECTORS,
            start,
            min(count, start + SHARD_ROWS),
            folder / f"shard-{start // SHARD_ROWS:05d}.part",
            threads,
        )
        for start in range(0, count, SHARD_ROWS)
    ]
    shards = run_shards(build_shard, tasks)
    if plan.cells:
        merge(trained, shards, folder)
    else:
        join(shards, folder)
    for part in folder.glob("*.part*"):  # killed workers leave unfinished files
        part.unlink(missing_ok=True)
    return (VECTORS, CODES, LISTS) if plan.cells else (VECTORS, CODES)


def train(vectors: Path, plan: Plan, out: Path, threads: int = 1) -> Path:
    """Train the plan's index on a sample of the vectors and write it without vectors."""
    faiss = library()
    # Training 16 centres takes moments, and more threads are slower.
    faiss.omp_set_num_threads(threads if plan.kind != "flat-pq" else 1)
    mapped = np.load(vectors, mmap_mode="r")
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(mapped), min(plan.sample, len(mapped)), replace=False))
    if plan.kind == "flat-pq":
        coded = empty(mapped.shape[1], 2 * plan.code_bytes, np.ascontiguousarray(mapped[rows]))
        faiss.write_index(coded, os.fspath(out))
        return out
    index = _empty(faiss, plan, mapped.shape[1])
    with gpu.clustering(faiss, index, mapped.shape[1]) if plan.cells else nullcontext():
        index.train(np.ascontiguousarray(mapped[rows]))
    faiss.write_index(index, os.fspath(out))
    return out


def build_shard(task: ShardTask) -> Path:
    """Add a range of rows to a copy of the trained index and write it.

    The file is replaced atomically: a worker believed dead may write it at the same time.
    """
    faiss = library()
    faiss.omp_set_num_threads(task.threads)
    index = faiss.read_index(os.fspath(task.trained))
    mapped = np.load(task.vectors, mmap_mode="r")
    for start in range(task.start, task.stop, _CHUNK_ROWS):
        stop = min(task.stop, start + _CHUNK_ROWS)
        block = np.ascontiguousarray(mapped[start - task.first : stop - task.first])
        if faiss.try_extract_index_ivf(index) is None:
            index.add(block)
        else:
            index.add_with_ids(block, np.arange(start, stop, dtype=np.int64))
    unfinished = task.out.with_name(f"{task.out.name}.{secrets.token_hex(8)}")
    try:
        faiss.write_index(index, os.fspath(unfinished))
        unfinished.replace(task.out)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return task.out


def join(shards: Sequence[Path], folder: Path) -> None:
    """Join the shards' codes, in order, into one file."""
    faiss = library()
    whole = joined([faiss.read_index(os.fspath(shard)) for shard in shards])
    faiss.write_index(whole, os.fspath(folder / CODES))


def merge(trained: Path, shards: Sequence[Path], folder: Path) -> None:
    """Join the shards' lists into one file on disk and write the index that refers to it."""
    faiss = library()
    index = faiss.read_index(os.fspath(trained))
    ivf = faiss.extract_index_ivf(index)
    # Mapped, so that no shard is completely in memory.
    parts = [faiss.read_index(os.fspath(shard), faiss.IO_FLAG_MMAP) for shard in shards]
    merged = faiss.OnDiskInvertedLists()
    merged.nlist, merged.code_size = ivf.nlist, ivf.code_size
    merged.filename = LISTS
    merged.lists.clear()
    offset = count = 0
    # FAISS's own merge prints to stdout. A list on disk is its codes, then its ids.
    with (folder / LISTS).open("wb") as file:
        for cell in range(ivf.nlist):
            codes, ids = zip(*(_list(faiss, part, cell) for part in parts), strict=True)
            size = sum(map(len, ids))
            entry = faiss.OnDiskOneList()
            entry.size = entry.capacity = size
            entry.offset = offset
            merged.lists.push_back(entry)
            file.writelines(memoryview(array) for array in (*codes, *ids) if len(array))
            offset += size * (ivf.code_size + 8)
            count += size
    merged.totsize = offset
    index.ntotal = ivf.ntotal = count
    ivf.replace_invlists(merged, False)
    faiss.write_index(index, os.fspath(folder / CODES))


def _list(faiss: Any, index: Any, cell: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return one cell's codes, in one row, and its ids; both are mapped from the shard's file."""
    ivf = faiss.extract_index_ivf(index)
    size = ivf.invlists.list_size(cell)
    if not size:
        return np.zeros(0, np.uint8), np.zeros(0, np.int64)
    codes = faiss.rev_swig_ptr(ivf.invlists.get_codes(cell), size * ivf.code_size)
    return codes, faiss.rev_swig_ptr(ivf.invlists.get_ids(cell), size)


def load(folder: Path, plan: Plan, ids: Sequence[str]) -> VectorIndex:
    """Map the index in ``folder`` into memory.

    Raises:
        ShapeError: The numbers of ids, vectors and codes differ.
        OSError: A file is missing.
        RuntimeError: FAISS cannot read a file.
    """
    if plan.kind == "faiss-flat":
        return FaissFlatIndex.load(ids, folder / FLAT)
    faiss = library()
    # As a plain array: slices of np.memmap are slow to create.
    vectors: Matrix = np.asarray(np.load(folder / VECTORS, mmap_mode="r"))
    path = os.fspath(folder / CODES)
    if plan.kind == "flat-sq8":
        return FlatSq8Index(ids, vectors, faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC))
    if plan.kind == "flat-pq":
        return FlatPqIndex(ids, vectors, faiss.read_index(path))
    # FAISS prints when it searches for moved lists, so the path of the lists is set here.
    index = faiss.read_index(path, faiss.IO_FLAG_SKIP_IVF_DATA | faiss.IO_FLAG_READ_ONLY)
    lists = faiss.downcast_InvertedLists(faiss.extract_index_ivf(index).invlists)
    if (folder / LISTS).stat().st_size < lists.totsize:
        raise ShapeError(f"{LISTS} must hold {lists.totsize} bytes")
    lists.filename = os.fspath(folder / LISTS)
    lists.read_only = True
    lists.do_mmap()
    return IvfIndex(ids, vectors, index, plan.probes)


def _empty(faiss: Any, plan: Plan, dim: int) -> Any:
    """Return the plan's untrained index, with the inner product as similarity."""
    if plan.kind == "flat-sq8":
        return faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
    quantizer = faiss.IndexFlatIP(dim)
    if plan.kind == "ivf-sq8":
        # Residuals are not coded: they would have to be decoded around every cell's centre.
        ivf = faiss.IndexIVFScalarQuantizer(
            quantizer,
            dim,
            plan.cells,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
            False,
        )
    else:
        ivf = faiss.IndexIVFPQ(
            quantizer, dim, plan.cells, plan.code_bytes, 8, faiss.METRIC_INNER_PRODUCT
        )
        ivf.pq.cp.min_points_per_centroid = 1
        ivf.pq.cp.max_points_per_centroid = 64
        ivf.pq.cp.niter = _ITERATIONS
    quantizer.this.disown()
    ivf.own_fields = True
    ivf.cp.spherical = True
    ivf.cp.niter = _ITERATIONS
    ivf.cp.seed = 1
    ivf.cp.min_points_per_centroid = 1  # small archives have few vectors per cell
    if plan.kind == "ivf-sq8":
        return ivf
    # A random rotation spreads the variation over the parts of the code. A learned rotation (OPQ)
    # needs more training; its gain here has not been measured.
    rotation = faiss.RandomRotationMatrix(dim, dim)
    rotation.init(1)
    whole = faiss.IndexPreTransform(rotation, ivf)
    rotation.this.disown()
    ivf.this.disown()
    whole.own_fields = True
    return whole
