"""Dispatcher: the videos of a run as tasks on a cluster, and their results as outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.cluster.cluster import Cluster
from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.connect import connect
from pipelines.cluster.context import WorkerContext, WorkerPack
from pipelines.cluster.fingerprint import pack_identity
from pipelines.cluster.runner import Call, Finished, GivenUp, RunnerConfig, TaskRunner
from pipelines.indexing.jobs import Job, WaitingJobs
from pipelines.indexing.time_limit import TimeLimit
from pipelines.stages import error_boundary
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, Notice, Outcome, SlicedVideo, SliceOutcome
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource


@dataclass(frozen=True, slots=True)
class DispatchedRun:
    """Inputs of a run that its tasks share.

    Attributes:
        pack: Name or folder of the pack, valid on the workers.
        models: The loaded pack; joins slices.
        config: Configuration of indexing.
        limit: Time limit of a video.
        indexed: Size in bytes -> contents of that size that are indexed already.
    """

    pack: str
    models: LoadedPack
    config: IndexConfig
    limit: TimeLimit
    indexed: Mapping[int, frozenset[str]]


def run_on_cluster(
    sources: Sequence[VideoSource], run: DispatchedRun, cluster_config: ClusterConfig
) -> Iterator[Outcome | Notice | None]:
    """Connect to a cluster and yield the outcome of every video, as ``dispatch`` does.

    Raises:
        ConfigError: No scheduler answers at the address, or a worker cannot take part.
        ClusterLostError: The scheduler or the last worker is gone.
    """
    worker_pack = WorkerPack(run.pack, pack_identity(run.models.pack))
    with connect(cluster_config, worker_pack) as cluster:
        yield Notice("cluster", cluster.dashboard)
        yield from dispatch(cluster, sources, run)


def dispatch(
    cluster: Cluster,
    sources: Sequence[VideoSource],
    run: DispatchedRun,
    limits: RunnerConfig | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Outcome | Notice | None]:
    """Yield the outcome of every video as it is ready, in no particular order.

    Notices come between the outcomes, and None if nothing happens for a while.

    Args:
        cluster: Connected cluster.
        sources: Videos, longest first.
        run: Inputs of the run.
        limits: Limits of the task runner; None: the defaults.
        clock: Monotonic clock, in seconds.

    Raises:
        ClusterLostError: The scheduler or the last worker is gone.
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
        if event is None:
            yield None
            continue
        job = event.task
        if isinstance(event, GivenUp):
            yield _given_up(jobs, job, event.reasons, limits.tries)
        elif not isinstance(event, Finished):
            yield Notice("retry", event.message, job.source)
        elif job.joiner is not None:
            yield jobs.join(job, job.joiner, event.result)
        elif isinstance(event.result, SlicedVideo):
            yield jobs.cut(event.result, run.models, run.config)
        else:
            yield event.result


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
) -> Outcome | SlicedVideo:
    context.allow(limit.before_open(source))
    return error_boundary.run(
        source,
        context.models,
        config,
        indexed,
        opened=lambda duration_s: context.allow(limit.after_open(source, duration_s)),
        may_slice=may_slice,
    )


def _index_slice(
    context: WorkerContext,
    video: SlicedVideo,
    number: int,
    config: IndexConfig,
    limit: TimeLimit,
) -> SliceOutcome | Failure:
    source, share = video.source, video.share(number)
    context.allow(limit.before_open(source))
    return error_boundary.run_slice(
        video,
        number,
        context.models,
        config,
        opened=lambda length_s: context.allow(limit.after_slice_open(source, length_s, share)),
    )
