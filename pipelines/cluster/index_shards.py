"""Search index on a Dask cluster: trained on the client, encoded by workers, joined on the client.

A worker reads its part of the vectors from the catalog's folder and writes its shard there. For a
catalog in an object store both go through the store. The files equal those of a local build.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pipelines.cluster.config import TRIES, ClusterConfig
from pipelines.cluster.hosts.identity import HostFault, this_host
from vidsearch.errors import ClusterLostError, ConfigError
from vidsearch.index.build import ShardTask, run_here
from vidsearch.index.generations import BuildOptions
from vidsearch.storage.path import StoragePath

if TYPE_CHECKING:
    from pipelines.cluster.cluster import Cluster

_LOG = logging.getLogger(__name__)
_BuildShard: TypeAlias = Callable[[ShardTask], Path]


@contextmanager
def connect_scheduler(scheduler: str) -> Iterator[Cluster]:
    """Connect to a scheduler; Dask is imported on first use."""
    from pipelines.cluster.connect import connect

    with connect(ClusterConfig(scheduler=scheduler)) as cluster:
        yield cluster


Connect: TypeAlias = "Callable[[str], AbstractContextManager[Cluster]]"


def build_options(
    root: StoragePath,
    scheduler: str | None,
    *,
    fall_back: bool = False,
    connect: Connect = connect_scheduler,
) -> BuildOptions:
    """Return the options of an index build, on a running cluster if one is given.

    Args:
        root: Folder of the catalog.
        scheduler: Address of the Dask scheduler; None builds on this machine.
        fall_back: Build on this machine, with a warning, if the cluster cannot.
        connect: Connects to a scheduler.
    """
    if scheduler is None:
        return BuildOptions()
    shards = ClusterShards(scheduler, root, fall_back=fall_back, connect=connect)
    return BuildOptions(run_shards=shards)


def require_shared(root: StoragePath, scheduler: str, connect: Connect = connect_scheduler) -> None:
    """Raise unless every worker can read and write the catalog's folder.

    Raises:
        ConfigError: A worker cannot, no scheduler answers, or it has no workers.
    """
    from pipelines.cluster.hosts.shared_storage import require_shared_storage

    with connect(scheduler) as cluster:
        require_shared_storage(cluster, root)


@dataclass(frozen=True)
class ClusterShards:
    """Builds shards on the workers of a cluster; an implementation of ``RunShards``.

    Attributes:
        scheduler: Address of the Dask scheduler.
        root: Folder of the catalog.
        fall_back: Build on this machine, with a warning, if the cluster cannot.
        tries: Number of workers that one shard may kill.
        connect: Connects to the scheduler.
    """

    scheduler: str
    root: StoragePath
    fall_back: bool = False
    tries: int = TRIES
    connect: Connect = field(default=connect_scheduler)

    def __call__(self, build: _BuildShard, tasks: Sequence[ShardTask]) -> Sequence[Path]:
        """Build the shards and return their files, in the order of the tasks.

        Raises:
            ConfigError: No scheduler answers, or a worker cannot take part.
            ClusterLostError: The scheduler or all workers are gone.
            OSError: A worker cannot read or write a file.
        """
        try:
            with self.connect(self.scheduler) as cluster:
                self._check_storage(cluster)
                if self.root.path is not None:
                    return self._run(cluster, partial(_build, build), tasks)
                return self._run_through_store(cluster, build, tasks)
        except (ConfigError, ClusterLostError) as error:
            if not self.fall_back:
                raise
            _LOG.warning("the index is built on this machine alone: %s", error)
            return run_here(build, tasks)

    def _check_storage(self, cluster: Cluster) -> None:
        """Raise if a worker does not see the catalog; leave it out if the build may fall back."""
        from pipelines.cluster.hosts.shared_storage import catalog_faults, require_shared_storage

        faults = catalog_faults(cluster, self.root) if self.fall_back else {}
        if not self.fall_back or len(faults) == len(cluster.members()):
            require_shared_storage(cluster, self.root)
        cluster.reject(faults)

    def _run(
        self, cluster: Cluster, function: Callable[[Any], str | HostFault], tasks: Sequence[Any]
    ) -> list[Path]:
        from pipelines.cluster.connect import WORKERS_WITHIN_S
        from pipelines.cluster.task import RunnerConfig
        from pipelines.cluster.tasks import run_tasks

        def give_up(_: Any) -> str:
            raise ClusterLostError(
                f"{self.tries} workers died building one part of the index; give the workers "
                "more memory, or build without --scheduler"
            )

        # One thread for each shard: a worker with several threads builds several shards at once.
        single = [replace(task, threads=1) for task in tasks]
        limits = RunnerConfig(tries=self.tries, no_workers_s=WORKERS_WITHIN_S)
        for _, error in run_tasks(cluster, function, single, give_up, limits):
            if error:
                raise OSError(f"a worker failed: {error}")
        return [task.out for task in tasks]

    def _run_through_store(
        self, cluster: Cluster, build: _BuildShard, tasks: Sequence[ShardTask]
    ) -> Sequence[Path]:
        # Named like an index generation, so that the remains of a killed build are removed.
        name = f"gen-{time.time_ns() // 1_000_000:012x}-parts"
        store = self.root.child("index").child(name)
        stored = [_StoredTask(task, store) for task in tasks]
        try:
            for task in stored:
                _upload(task)
            outs = self._run(cluster, partial(_build_stored, build), stored)
            for out in outs:
                store.child(out.name).download(out)
            return outs
        finally:
            store.remove_tree()


def _build(build: _BuildShard, task: ShardTask) -> str | HostFault:
    """Build a shard on a worker; return "", or the error text as a fault of the host.

    So every exception of the Dask future concerns the worker, not the build.
    """
    try:
        build(task)
    except (OSError, RuntimeError) as error:
        return _fault(error)
    return ""


def _fault(error: Exception) -> HostFault:
    text = f"{type(error).__name__}: {error}"
    return HostFault(text, f"{text} (on host {this_host().name})")


@dataclass(frozen=True, slots=True)
class _StoredTask:
    """Shard of a catalog in an object store, the only storage that client and worker share.

    Attributes:
        task: Task with the paths of the client.
        store: Folder for uploads; the files keep the names that they have on the client.
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


def _upload(stored: _StoredTask) -> None:
    task = stored.task
    if task.start == 0:
        stored.store.child(task.trained.name).upload(task.trained)
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch) / "part.npy"
        np.save(part, np.load(task.vectors, mmap_mode="r")[task.start : task.stop])
        stored.vectors.upload(part)


def _build_stored(build: _BuildShard, stored: _StoredTask) -> str | HostFault:
    """Build a shard from downloaded files and upload it; return as ``_build`` does."""
    task = stored.task
    with tempfile.TemporaryDirectory() as scratch:
        trained, vectors, out = (Path(scratch) / name for name in ("trained", "vectors", "out"))
        try:
            stored.store.child(task.trained.name).download(trained)
            stored.vectors.download(vectors)
            build(ShardTask(trained, vectors, task.start, task.stop, out, first=task.start))
            stored.store.child(task.out.name).upload(out)
        except (OSError, RuntimeError) as error:
            return _fault(error)
    return ""
