"""Dispatcher: the videos of a run as tasks on a cluster, and their results as outcomes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from pipelines.cluster.cluster import Cluster
from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.connect import connect
from pipelines.cluster.context import WorkerContext, WorkerPack
from pipelines.cluster.fingerprint import pack_identity
from pipelines.cluster.hosts.identity import HostFault, LeftOut
from pipelines.cluster.hosts.shared_storage import InputFile, catalog_faults, sample_files
from pipelines.cluster.runner import TaskRunner
from pipelines.cluster.task import Call, Event, GivenUp, Moved, Retried, RunnerConfig
from pipelines.indexing.jobs import Job, WaitingJobs
from pipelines.indexing.time_limit import TimeLimit
from pipelines.stages import error_boundary
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import (
    Failure,
    Notice,
    Outcome,
    SlicedVideo,
    SliceOutcome,
    WorkerOutcome,
)
from vidsearch.models.registry import LoadedPack
from vidsearch.storage.path import StoragePath
from vidsearch.video.discover import VideoSource

_LOG = logging.getLogger(__name__)

Item: TypeAlias = WorkerOutcome | Notice | None
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class DispatchedRun:
    """Inputs of a run that its tasks share.

    Attributes:
        pack: Name or folder of the pack, valid on the workers.
        models: The loaded pack; joins slices.
        config: Configuration of indexing.
        limit: Time limit of a video.
        indexed: Size in bytes -> contents of that size that are indexed already.
        catalog: Folder of the catalog, which workers need to build the search index.
    """

    pack: str
    models: LoadedPack
    config: IndexConfig
    limit: TimeLimit
    indexed: Mapping[int, frozenset[str]]
    catalog: StoragePath


def run_on_cluster(
    sources: Sequence[VideoSource], run: DispatchedRun, cluster_config: ClusterConfig
) -> Iterator[Item]:
    """Connect to a cluster and yield the outcome of every video, as ``dispatch`` does.

    Raises:
        ConfigError: No scheduler answers at the address, a worker cannot take part, or no worker
            sees the videos.
        ClusterLostError: The scheduler or the last worker is gone.
    """
    worker_pack = WorkerPack(run.pack, pack_identity(run.models.pack))
    remote = cluster_config.scheduler is not None
    files = sample_files(InputFile(source.uri, source.size) for source in sources) if remote else ()
    with connect(cluster_config, worker_pack, files) as cluster:
        yield Notice("cluster", cluster.dashboard)
        if remote:
            yield from _catalog_notices(cluster, run.catalog)
        yield from dispatch(cluster, sources, run)


def _catalog_notices(cluster: Cluster, catalog: StoragePath) -> Iterator[Notice]:
    """Yield a notice for each host that sees no catalog; it reads videos and builds no index."""
    faults = catalog_faults(cluster, catalog)
    one_by_host = {cluster.host_of(worker): (worker, fault) for worker, fault in faults.items()}
    for host, (worker, fault) in one_by_host.items():
        message = f"host {host.name} (worker {worker}) {fault}; it builds no part of the index"
        _LOG.warning("%s", message)
        yield Notice("no_catalog", message, host=host.name)


def dispatch(
    cluster: Cluster,
    sources: Sequence[VideoSource],
    run: DispatchedRun,
    limits: RunnerConfig | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item]:
    """Yield the outcome of every video as it is ready, in no particular order.

    Notices come between the outcomes, and None if nothing happens for a while.

    Args:
        cluster: Connected cluster.
        sources: Videos, longest first.
        run: Inputs of the run.
        limits: Limits of the task runner; None: the defaults.
        clock: Monotonic clock, in seconds.

    Raises:
        ClusterLostError: The scheduler or the last worker is gone, or no worker sees the videos any
            more.
    """
    limits = limits if limits is not None else RunnerConfig()
    jobs = WaitingJobs(sources)

    def call(job: Job, threads: int) -> Call:
        if job.joiner is not None:
            return _index_slice, job.joiner.video, job.number, run.config, run.limit
        may_slice = (
            not job.unsliceable
            and run.config.slice_minutes > 0
            and threads > 1
            and jobs.is_bottleneck(job, threads)
        )
        indexed = run.indexed.get(job.source.size, frozenset())
        return _index_video, job.source, run.config, run.limit, indexed, may_slice

    for event in TaskRunner(cluster, jobs, call, limits, clock).events():
        yield _item(event, cluster, jobs, run, limits.tries) if event is not None else None


def _item(
    event: Event[Job], cluster: Cluster, jobs: WaitingJobs, run: DispatchedRun, tries: int
) -> Item:
    """Return the outcome or notice of an event; None if it needs neither."""
    if isinstance(event, LeftOut):
        return Notice("left_out", event.message, host=event.host)
    job = event.task
    worker = cluster.hosts.name_of(job.worker)
    item: Outcome | Notice | None
    if isinstance(event, GivenUp):
        item = _given_up(jobs, job, event.reasons, tries)
    elif isinstance(event, Retried):
        item = Notice("retry", event.message, job.source)
    elif isinstance(event, Moved):
        item = Notice("moved", event.message, job.source)
    elif job.joiner is not None:
        item = jobs.join(job, job.joiner, event.result)
    elif isinstance(event.result, SlicedVideo):
        item = jobs.cut(event.result, run.models, run.config)
    elif event.everywhere and cluster.scheduler is not None:
        item = replace(event.result, message=_everywhere(job))
    else:
        item = event.result
    if item is None:
        return None
    if isinstance(item, Notice):
        return replace(item, worker=worker.name, host=worker.host)
    return WorkerOutcome(item, worker.name, worker.host)


def _everywhere(job: Job) -> str:
    """Return the message of a video that no host can read: every host, with its reason."""
    messages = {message for _, message in job.faults.values()}
    workers = [str(worker) for worker, _ in job.faults.values()]
    if len(messages) == 1:
        return f"{messages.pop()} (on {', '.join(workers)})"
    return "; ".join(f"on {worker}: {message}" for worker, message in job.faults.values())


def _given_up(jobs: WaitingJobs, job: Job, reasons: str, tries: int) -> Failure | None:
    """Return the failure of a quarantined video; None for an obsolete slice."""
    if job.obsolete:
        return None
    if job.joiner is not None:
        job.joiner.error = reasons
        jobs.drop_slices(job.joiner)
    message = f"{tries} workers died of it ({reasons}); it is left out until --retry-failed"
    return Failure("worker", job.source, "WorkerDied", message)


def _index_video(
    context: WorkerContext,
    source: VideoSource,
    config: IndexConfig,
    limit: TimeLimit,
    indexed: frozenset[str],
    may_slice: bool,
) -> Outcome | SlicedVideo | HostFault:
    context.allow(limit.before_open(source))
    return _or_fault(
        error_boundary.run(
            source,
            context.models,
            config,
            indexed,
            opened=lambda duration_s: context.allow(limit.after_open(source, duration_s)),
            may_slice=may_slice,
        )
    )


def _index_slice(
    context: WorkerContext,
    video: SlicedVideo,
    number: int,
    config: IndexConfig,
    limit: TimeLimit,
) -> SliceOutcome | Failure | HostFault:
    source, share = video.source, video.share(number)
    context.allow(limit.before_open(source))
    return _or_fault(
        error_boundary.run_slice(
            video,
            number,
            context.models,
            config,
            opened=lambda length_s: context.allow(limit.after_slice_open(source, length_s, share)),
        )
    )


def _or_fault(result: R) -> R | HostFault:
    """Return a failure that another host may not have as a fault of this host."""
    if isinstance(result, Failure) and result.host_specific:
        return HostFault(result.message, result)
    return result
