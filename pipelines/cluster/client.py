"""Dask clients: of a running cluster, or of a local cluster that this process starts."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dask import config as dask_config
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster
from distributed.core import Status
from distributed.system import MEMORY_LIMIT

from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.timeouts import call_with_timeout, is_done, start_call
from vidsearch.errors import ClusterLostError, ConfigError, reason

MEMORY_PER_WORKER = 1 << 30
"""Bytes: one 1080p video with the ``open`` pack stays under 700 MiB."""

STARTS = 3
"""Number of attempts to start the workers of this machine."""

STARTED_WITHIN_S = 300.0
ANSWERED_WITHIN_S = 60.0
SCHEDULER_WITHIN_S = 10.0
CLOSED_WITHIN_S = 20.0

_SETTINGS = {
    "distributed.worker.multiprocessing-method": "spawn",
    # The task runner retries a task whose worker died: see runner.py.
    "distributed.scheduler.allowed-failures": 0,
    # On a busy machine a worker restarts slowly; Dask must not give up its slot meanwhile.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # A machine that was suspended must not lose its workers. The nanny notices a dead worker, the
    # watchdog a blocked one; this limit is for processes that no signal ends.
    "distributed.scheduler.worker-ttl": "1 hour",
    # A worker holds the state of one video, which cannot be spilled; a paused worker never resumes.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # The profiler interrupts the worker a hundred times a second.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    # This setting makes malloc return each frame's memory at once, with ten times the page faults.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    # A worker logs before its nanny sets the log level.
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__ASYNCIO": "critical",
}
_LOG = logging.getLogger(__name__)


def default_workers() -> int:
    """Return the number of workers: one per core, limited by memory (and container limits)."""
    return max(1, min(int(CPU_COUNT), int(MEMORY_LIMIT) // MEMORY_PER_WORKER))


@contextmanager
def open_client(config: ClusterConfig) -> Iterator[Client]:
    """Yield a client of the configured scheduler, or of a new local cluster.

    If closing fails, the failure is logged and the workers are killed: the work is done by then.

    Raises:
        ConfigError: No scheduler answers at the address.
        ClusterLostError: The workers of this machine do not start.
    """
    _silence_dask()
    with dask_config.set(_SETTINGS), ExitStack() as opened:
        local = None
        if config.scheduler is None:
            local = start_local_cluster(config)
            opened.callback(close_local_cluster, local)
        client = connect_client(config.scheduler, local)
        opened.callback(_close, "the client", client)
        yield client


def connect_client(
    scheduler: str | None, local: LocalCluster | None, new_client: Callable[..., Client] = Client
) -> Client:
    """Return a client of a local cluster, or of the scheduler at an address.

    Raises:
        ConfigError: No scheduler answers at the address.
        ClusterLostError: The local scheduler does not answer.
    """
    try:
        if local is not None:
            return new_client(local, timeout=ANSWERED_WITHIN_S)
        return new_client(scheduler, timeout=SCHEDULER_WITHIN_S)
    except (OSError, ValueError) as error:
        if local is not None:
            raise ClusterLostError(
                f"the scheduler of this machine does not answer ({reason(error)}); "
                "repeat the command when the machine is less busy"
            ) from error
        raise ConfigError(
            f"no Dask scheduler answers at {scheduler!r} ({reason(error)}); "
            "start one with 'dask scheduler', or leave --scheduler out"
        ) from error


def start_local_cluster(
    config: ClusterConfig,
    new_cluster: Callable[..., LocalCluster] = LocalCluster,
    within_s: float = STARTED_WITHIN_S,
) -> LocalCluster:
    """Start workers on this machine, with several attempts.

    Args:
        config: Number of workers and their memory limit.
        new_cluster: Starts the cluster.
        within_s: Time limit of one attempt, in seconds.

    Raises:
        ClusterLostError: The workers died at every attempt, or an attempt exceeds its time limit.
    """
    failure: Exception | None = None
    for attempt in range(1, STARTS + 1):
        start = start_call(
            new_cluster,
            n_workers=config.workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            memory_limit=config.worker_memory or "auto",
        )
        if not is_done(start, within_s):
            raise ClusterLostError(
                f"the workers of this machine did not start within {within_s:.0f} s; "
                "repeat the command when the machine is less busy, or with fewer --workers"
            )
        try:
            return start.result()
        except (RuntimeError, OSError) as error:
            _LOG.info("start %d of the workers failed: %s", attempt, reason(error))
            failure = error
    assert failure is not None
    raise ClusterLostError(
        f"the workers of this machine died {STARTS} times while they started ({reason(failure)}); "
        "repeat the command, with fewer --workers or more memory"
    ) from failure


def replace_workers(client: Client) -> None:
    """Start new local workers in place of those whose nanny is gone too."""
    local = client.cluster
    if not isinstance(local, LocalCluster):
        return

    def start_missing() -> None:
        gone = (Status.closed, Status.failed)
        for name in [name for name, nanny in local.workers.items() if nanny.status in gone]:
            del local.workers[name]
        if len(local.workers) < len(local.worker_spec):
            local.scale(len(local.worker_spec))

    local.loop.add_callback(start_missing)


def close_local_cluster(local: Any, within_s: float = CLOSED_WITHIN_S) -> None:
    """Close a local cluster; kill its workers if closing fails.

    Args:
        local: The cluster.
        within_s: Time limit that Dask gets to close, in seconds.
    """
    pids = {nanny.pid for nanny in local.workers.values()}
    if _close("the workers of this machine", local, within_s):
        return
    for child in multiprocessing.active_children():
        if child.pid in pids:
            child.kill()


def _close(subject: str, opened: Client | LocalCluster, within_s: float = CLOSED_WITHIN_S) -> bool:
    """Close a client or cluster, ignoring errors; return True if it closed."""
    try:
        call_with_timeout(2 * within_s, subject, opened.close, timeout=within_s)
    except Exception as error:  # noqa: BLE001 (Dask raises many kinds, some without a message)
        _LOG.info("%s did not close: %s", subject, reason(error))
        return False
    return True


def _silence_dask() -> None:
    """Turn off the logs of Dask: errors reach the user as outcomes or exceptions."""
    packages = ("distributed", "bokeh", "tornado", "asyncio")
    loggers = [n for n in logging.root.manager.loggerDict if n.split(".")[0] in packages]
    for name in {*packages, *loggers}:
        logging.getLogger(name).setLevel(logging.CRITICAL)
