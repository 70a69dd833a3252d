"""Clients of Dask clusters: of one that is running already, or of our own on this machine."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dask import config as dask_config
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster
from distributed.core import Status
from distributed.system import MEMORY_LIMIT

from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.timeouts import Later, within
from vidsearch.errors import ClusterLostError, ConfigError, reason

MEMORY_PER_WORKER = 1 << 30
"""Bytes: one 1080p video with the ``open`` pack stays under 700 MiB."""

STARTS = 3
"""How often the workers of this machine are started before that is given up."""

STARTED_WITHIN_S = 300.0
ANSWERED_WITHIN_S = 60.0
SCHEDULER_WITHIN_S = 10.0
CLOSED_WITHIN_S = 20.0

_SETTINGS = {
    "distributed.worker.multiprocessing-method": "spawn",
    # A task whose worker died is ours to place again: see graph.py.
    "distributed.scheduler.allowed-failures": 0,
    # A worker that is started anew on a busy machine takes its time; its place is kept for it.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # A machine that slept for a while is no reason to take its workers for dead: their nannies see
    # those that die, their guards those that hang; what no signal ends is noticed in the end.
    "distributed.scheduler.worker-ttl": "1 hour",
    # Workers hold one video's work, which cannot be spilled, and a pause would never end.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # What watches a worker takes the interpreter from its work a hundred times a second.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    # With it malloc hands every picture's memory back at once, at ten times the page faults.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    # A worker may speak before its nanny silences it.
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__ASYNCIO": "critical",
}
_LOG = logging.getLogger(__name__)


def default_workers() -> int:
    """Return one worker a core, as far as the memory reaches (containers' limits included)."""
    return max(1, min(int(CPU_COUNT), int(MEMORY_LIMIT) // MEMORY_PER_WORKER))


@contextmanager
def client_of(config: ClusterConfig) -> Iterator[Client]:
    """Yield a client of the scheduler that the options name, or of a cluster of our own.

    What cannot be closed is said in the log and ended by force: the work is done by then.

    Raises:
        ConfigError: No scheduler answers at the address.
        ClusterLostError: The workers of this machine do not start.
    """
    _quiet()
    with dask_config.set(_SETTINGS), ExitStack() as opened:
        local = None
        if config.scheduler is None:
            local = _start(config)
            opened.callback(_end, local)
        client = _client(config, local)
        opened.callback(_close, "the client", client)
        yield client


def _client(config: ClusterConfig, local: LocalCluster | None) -> Client:
    try:
        if local is not None:
            return Client(local, timeout=ANSWERED_WITHIN_S)
        return Client(config.scheduler, timeout=SCHEDULER_WITHIN_S)
    except (OSError, ValueError) as error:
        if local is not None:
            raise ClusterLostError(
                f"the scheduler of this machine does not answer ({reason(error)}); "
                "repeat the command when the machine is less busy"
            ) from error
        raise ConfigError(
            f"no Dask scheduler answers at {config.scheduler!r} ({reason(error)}); "
            "start one with 'dask scheduler', or leave --scheduler out"
        ) from error


def _start(config: ClusterConfig) -> LocalCluster:
    """Start workers on this machine; one that dies while it starts is no reason to give up.

    Raises:
        ClusterLostError: They died every time, or hang.
    """
    failure: Exception | None = None
    for tries in range(1, STARTS + 1):
        start = Later(
            LocalCluster,
            n_workers=config.workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            memory_limit=config.worker_memory or "auto",
        )
        if not start.wait(STARTED_WITHIN_S):
            raise ClusterLostError(
                f"the workers of this machine did not start within {STARTED_WITHIN_S:.0f} s; "
                "repeat the command when the machine is less busy, or with fewer --workers"
            )
        try:
            return start.result()
        except (RuntimeError, OSError) as error:
            _LOG.info("start %d of the workers failed: %s", tries, reason(error))
            failure = error
    assert failure is not None
    raise ClusterLostError(
        f"the workers of this machine died {STARTS} times while they started ({reason(failure)}); "
        "repeat the command, with fewer --workers or more memory"
    ) from failure


def revive(client: Client) -> None:
    """Start workers of this machine in place of those whose nanny is gone too."""
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


def _end(local: LocalCluster) -> None:
    """Close a cluster of this machine, its workers by force if they do not go by themselves."""
    pids = {nanny.pid for nanny in local.workers.values()}
    if _close("the workers of this machine", local):
        return
    for child in multiprocessing.active_children():
        if child.pid in pids:
            child.kill()


def _close(what: str, opened: Client | LocalCluster) -> bool:
    """Close; whatever is wrong with that, it does not spoil a run that is over."""
    try:
        within(2 * CLOSED_WITHIN_S, what, opened.close, timeout=CLOSED_WITHIN_S)
    except Exception as error:  # noqa: BLE001 (Dask raises many kinds, some without words)
        _LOG.info("%s did not close: %s", what, reason(error))
        return False
    return True


def _quiet() -> None:
    """Keep Dask's chatter out of the console: what matters arrives as an outcome or an error."""
    chatty = ("distributed", "bokeh", "tornado", "asyncio")
    loud = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in chatty]
    for name in {*chatty, *loud}:
        logging.getLogger(name).setLevel(logging.CRITICAL)
