"""Building a catalog's index on a Dask cluster: trained here, coded by the workers, joined here.

A worker reads its part of the vectors from the catalog's folder and writes its part of the codes
there; of a catalog in an object store, both go through the store. The files are those of a build
on one machine. A part whose worker dies is given out again.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.cluster.shared_storage import require_shared_place
from vidsearch.errors import ClusterLostError, ConfigError
from vidsearch.index.build import ShardTask, run_here
from vidsearch.index.generations import BuildOptions
from vidsearch.storage.path import StoragePath

if TYPE_CHECKING:
    from vidsearch.catalog import Catalog

TRIES = 3
"""Workers that one part may cost."""

_LOOK_EVERY_S = 2.0
_LOG = logging.getLogger(__name__)
_Work = Callable[[ShardTask], Path]


def build_options(
    catalog: Catalog, scheduler: str | None, *, or_here: bool = False
) -> BuildOptions:
    """Return how to build on a running cluster; here where there is none.

    Args:
        catalog: The catalog.
        scheduler: Its address.
        or_here: Where the cluster cannot do it, say so and build here.
    """
    if scheduler is None:
        return BuildOptions()
    return BuildOptions(run_shards=OnCluster(scheduler, catalog.root, or_here=or_here))


def require_shared(catalog: Catalog, scheduler: str) -> None:
    """Raise unless every worker can read and write the catalog's folder.

    Raises:
        ConfigError: One cannot, or no scheduler answers, it has no workers, ...
    """
    from pipelines.cluster.cluster import open_client

    with open_client(scheduler) as client:
        require_shared_place(client, catalog.root)


@dataclass(frozen=True)
class OnCluster:
    """Runs shards on the workers of a cluster, whichever is free: a ``RunShards``.

    Attributes:
        scheduler: Address.
        place: The catalog's.
        or_here: Where the cluster cannot do it, say so and build here.
    """

    scheduler: str
    place: StoragePath
    or_here: bool = False

    def __call__(self, work: _Work, tasks: Sequence[ShardTask]) -> Sequence[Path]:
        """Run the tasks.

        Raises:
            ConfigError: No scheduler answers, or a worker cannot take part.
            ClusterLostError: The scheduler or all workers went away.
            OSError: A worker cannot read or write a file.
        """
        from pipelines.cluster.cluster import open_client

        try:
            with open_client(self.scheduler) as client:
                require_shared_place(client, self.place)
                if self.place.path is not None:
                    return _run(client, _attempt, work, tasks)
                return _through_store(client, self.place, work, tasks)
        except (ConfigError, ClusterLostError) as error:
            if not self.or_here:
                raise
            _LOG.warning("the index is built on this machine alone: %s", error)
            return run_here(work, tasks)


def _attempt(work: _Work, task: ShardTask) -> str:
    """Run a task on a worker; return what went wrong, empty if nothing did.

    So whatever else a future may raise has to do with the worker, not with its work.
    """
    try:
        work(task)
    except (OSError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _run(
    client: Any, attempt: Callable[[_Work, Any], str], work: _Work, tasks: Sequence[Any]
) -> list[Path]:
    def submit(task: Any) -> Any:
        return client.submit(attempt, work, task, pure=False)

    # One thread each: a worker of several threads has several parts at once.
    alone = [replace(task, threads=1) for task in tasks]
    futures = [submit(task) for task in alone]
    for at, task in enumerate(alone):
        for left in reversed(range(TRIES)):
            trouble = _outcome(client, futures[at])
            if trouble is None:
                if not left:
                    raise ClusterLostError(
                        f"{TRIES} workers died building one part of the index; give the workers "
                        "more memory, or build without --scheduler"
                    )
                futures[at] = submit(task)
                continue
            if trouble:
                raise OSError(f"a worker failed: {trouble}")
            break
    return [task.out for task in tasks]


def _outcome(client: Any, future: Any) -> str | None:
    """Wait for a future; return what went wrong, None where its worker went away.

    Raises:
        ClusterLostError: The scheduler or all workers have gone.
    """
    from pipelines.cluster.cluster import WORKERS_WITHIN_S

    last_seen = time.monotonic()
    while True:
        try:
            return str(future.result(timeout=_LOOK_EVERY_S))
        except TimeoutError:
            if client.status != "running":
                break
            now = time.monotonic()
            if client.scheduler_info(n_workers=-1)["workers"]:
                last_seen = now
            elif now - last_seen > WORKERS_WITHIN_S:
                break
        except Exception as error:  # noqa: BLE001 (Dask's, whichever: the work raises nothing)
            if client.status != "running":
                break
            _LOG.info("a part of the index is given out again: %s", error)
            return None
    raise ClusterLostError(
        "the cluster went away while it built the index; the index in use stays, repeat with: "
        "vidsearch reindex"
    )


@dataclass(frozen=True, slots=True)
class _StoredTask:
    """A shard's work where worker and client share an object store only.

    Attributes:
        task: As it is here.
        store: Folder for what goes there and back; the files have the names that they have here.
    """

    task: ShardTask
    store: StoragePath
    threads: int = 1

    @property
    def out(self) -> Path:
        return self.task.out

    @property
    def vectors(self) -> StoragePath:
        return self.store.child(f"{self.task.out.name}.npy")


def _through_store(
    client: Any, place: StoragePath, work: _Work, tasks: Sequence[ShardTask]
) -> Sequence[Path]:
    # Named like a generation, so that what a killed build leaves is removed like one.
    name = f"gen-{time.time_ns() // 1_000_000:012x}-parts"
    store = place.child("index").child(name)
    stored = [_StoredTask(task, store) for task in tasks]
    try:
        for task in stored:
            _upload(task)
        outs = _run(client, _attempt_stored, work, stored)
        for out in outs:
            store.child(out.name).download(out)
        return outs
    finally:
        store.remove_tree()


def _upload(stored: _StoredTask) -> None:
    task = stored.task
    if task.start == 0:
        stored.store.child(task.trained.name).upload(task.trained)
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch) / "part.npy"
        np.save(part, np.load(task.vectors, mmap_mode="r")[task.start : task.stop])
        stored.vectors.upload(part)


def _attempt_stored(work: _Work, stored: _StoredTask) -> str:
    """As ``_attempt``, on copies."""
    task = stored.task
    with tempfile.TemporaryDirectory() as scratch:
        trained, vectors, out = (Path(scratch) / name for name in ("trained", "vectors", "out"))
        try:
            stored.store.child(task.trained.name).download(trained)
            stored.vectors.download(vectors)
            work(ShardTask(trained, vectors, task.start, task.stop, out, first=task.start))
            stored.store.child(task.out.name).upload(out)
        except (OSError, RuntimeError) as error:
            return f"{type(error).__name__}: {error}"
    return ""
