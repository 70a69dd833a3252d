"""Dask clusters: one of our own on this machine, or one that is running already."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from dask import config as dask_config
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.system import MEMORY_LIMIT

from pipelines.payloads import IndexOptions
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError, VidsearchError
from vidsearch.models.registry import LoadedPack, load_pack

MEMORY_PER_WORKER = 1 << 30
"""Bytes: one 1080p video with the ``open`` pack stays under 700 MiB."""


WORKERS_WITHIN_S = 30
"""How long to wait for the first worker of a running cluster."""


def default_workers() -> int:
    """Return one worker a core, as far as the memory reaches (containers' limits included)."""
    return max(1, min(int(CPU_COUNT), int(MEMORY_LIMIT) // MEMORY_PER_WORKER))


class ModelsPlugin(WorkerPlugin):  # type: ignore[misc]
    """Loads the models once a worker, not once a video."""

    name = "vidsearch-models"

    def __init__(self, pack: str, model_id: str, device: str) -> None:
        self._pack = pack
        self._model_id = model_id
        self._device = device

    def setup(self, worker: Worker) -> None:
        """Load the pack into the worker.

        Raises:
            ConfigError: The worker's pack of that name is another model than the client's.
        """
        import cv2

        cv2.setNumThreads(1)
        models = load_pack(self._pack, resolve_device(self._device), announce=False)
        if models.model_id != self._model_id:
            raise ConfigError(
                f"worker {worker.address} has model {models.model_id!r} where the client has "
                f"{self._model_id!r}; install the same version of vidsearch and its packs"
            )
        worker.vidsearch_models = models


def worker_models() -> LoadedPack:
    """Return the models of the worker that runs the calling task."""
    models: LoadedPack = get_worker().vidsearch_models
    return models


@contextmanager
def connect(pack: str, model_id: str, options: IndexOptions, tasks: int) -> Iterator[Client]:
    """Yield a client whose workers have their models loaded; close what was opened.

    Args:
        pack: Name or absolute folder of the pack.
        model_id: What the workers' pack must be.
        options: How many workers, or whose.
        tasks: How much there is to do; no more workers than that are started.

    Raises:
        ConfigError: No scheduler answers at the address, or it has no workers.
        VidsearchError: A worker cannot load the pack.
    """
    # A worker that dies takes its video with it; two more workers may try that video.
    settings = {"distributed.scheduler.allowed-failures": 2}
    _quiet()
    with dask_config.set(settings), _client(options, tasks) as client:
        try:
            client.register_plugin(ModelsPlugin(pack, model_id, options.device))
        except VidsearchError:
            raise
        except Exception as error:
            raise ConfigError(f"the workers cannot load pack {pack!r}: {error}") from error
        yield client


def _quiet() -> None:
    """Keep Dask's chatter out of the console: what matters arrives as an outcome or an error."""
    for name in ("distributed", "bokeh", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _client(options: IndexOptions, tasks: int) -> Iterator[Client]:
    if options.scheduler is not None:
        try:
            client = Client(options.scheduler, timeout="10s")
        except (OSError, ValueError, TimeoutError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {options.scheduler!r} ({error}); "
                "start one with 'dask scheduler', or leave --scheduler out"
            ) from error
        with client:
            _require_workers(client, options.scheduler)
            yield client
        return
    cluster = LocalCluster(
        n_workers=min(options.workers, tasks),
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )
    with cluster, Client(cluster) as client:
        yield client


def _require_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_WITHIN_S)
    except TimeoutError as error:
        raise ConfigError(
            f"the Dask scheduler at {address!r} has no workers; start some with "
            f"'dask worker {address}'"
        ) from error
