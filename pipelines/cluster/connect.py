"""Connecting to a cluster: workers present, versions equal, models loaded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from distributed import Client

from pipelines.cluster.client import STARTS, open_client
from pipelines.cluster.cluster import Cluster
from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.context import WorkerPack
from pipelines.cluster.hosts.shared_storage import InputFile
from pipelines.cluster.timeouts import call_with_timeout
from pipelines.cluster.worker_plugin import ModelsPlugin
from vidsearch.errors import ClusterLostError, ConfigError, reason

WORKERS_WITHIN_S = 60.0
"""Time to wait for the first worker of a scheduler, in seconds."""

_LOADED_WITHIN_S = 600.0


@contextmanager
def connect(
    config: ClusterConfig,
    worker_pack: WorkerPack | None = None,
    files: Sequence[InputFile] = (),
) -> Iterator[Cluster]:
    """Yield a cluster whose workers have equal versions and their models; close it at the end.

    Args:
        config: Scheduler or local workers, and their device.
        worker_pack: Pack that the workers load; None for work without models.
        files: Sample of the files that workers read; a host that sees none of them is left out.

    Raises:
        ConfigError: No scheduler answers, it has no workers, a worker has another version of
            vidsearch or of the pack, or no host sees the files.
        ClusterLostError: The cluster fails before it gets any task.
    """
    with open_client(config) as client:
        identity = worker_pack.identity if worker_pack is not None else None
        cluster = Cluster(client, config.scheduler, identity, files)
        _wait_for_workers(client, config.scheduler)
        with _cluster_answers():
            if worker_pack is not None:
                cluster.require_versions()
                load_models(client, ModelsPlugin(worker_pack, config.device))
            cluster.require_accepted()
        yield cluster


@contextmanager
def _cluster_answers() -> Iterator[None]:
    """Convert Dask's errors before the first task."""
    try:
        yield
    except OSError as error:
        raise ClusterLostError(
            f"the Dask cluster does not answer ({reason(error)}); no work was started: check its "
            "scheduler and workers and repeat the command"
        ) from error


def load_models(client: Client, plugin: ModelsPlugin, pause_s: float = 1.0) -> None:
    """Register the plugin on all workers; repeat if a worker dies meanwhile.

    Args:
        client: Connected client.
        plugin: Plugin that loads the models.
        pause_s: Seconds between two attempts.

    Raises:
        ConfigError: The workers cannot load the models.
        ClusterLostError: Workers died at every attempt.
    """
    for left in reversed(range(STARTS)):
        try:
            call_with_timeout(_LOADED_WITHIN_S, "the workers", client.register_plugin, plugin)
        except OSError as error:  # a worker died during the call
            if not left:
                raise ClusterLostError(
                    f"the workers die before they have any work ({reason(error)}); "
                    "repeat the command"
                ) from error
            time.sleep(pause_s)
        except Exception as error:
            raise ConfigError(f"the workers cannot load the models: {reason(error)}") from error
        else:
            return


def _wait_for_workers(client: Client, scheduler: str | None) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_WITHIN_S)
    except TimeoutError as error:
        raise ConfigError(
            f"the Dask scheduler {scheduler or 'of this machine'!r} has no workers; start some "
            f"with 'dask worker {scheduler or 'ADDRESS'}', or leave --scheduler out"
        ) from error
