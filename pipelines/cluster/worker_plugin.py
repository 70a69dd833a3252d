"""Dask worker plugin: loads the models once per worker and starts the watchdog."""

from __future__ import annotations

from dataclasses import dataclass, field

from distributed import Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from pipelines.cluster.context import WorkerPack
from pipelines.cluster.fingerprint import pack_identity
from pipelines.cluster.watchdog import Watchdog
from vidsearch.device import resolve_device
from vidsearch.errors import VidsearchError
from vidsearch.libraries import INDEXING, load, require
from vidsearch.models.registry import LoadedPack, load_pack

GPU = "GPU"
"""Dask resource of a worker with GPUs.

dask-cuda sets it, or ``dask worker --resources GPU=1``. Such a worker runs as many videos at once
as it has GPUs, all with the same loaded models.
"""

DEATH_REASON = "vidsearch-death-reason"
"""Dask topic on which a watchdog reports the reason before it ends its worker."""


@dataclass
class _WorkerState:
    watchdog: Watchdog
    models: dict[str, LoadedPack] = field(default_factory=dict)
    load_errors: dict[str, str] = field(default_factory=dict)


class ModelsPlugin(WorkerPlugin):  # type: ignore[misc]
    """Loads a pack into each worker and starts its watchdog.

    A load error is kept; the client asks for it before the worker gets tasks.

    Args:
        worker_pack: Pack to load.
        device: Device of the models: ``auto``, ``cpu`` or ``cuda[:i]``.
    """

    def __init__(self, worker_pack: WorkerPack, device: str) -> None:
        self.name = f"vidsearch-{worker_pack.identity}-{device}"
        self._pack = worker_pack.pack
        self._identity = worker_pack.identity
        self._device = device

    def setup(self, worker: Worker) -> None:
        """Load the pack into a worker, unless an earlier run loaded it."""
        state = _state(worker)
        if self._identity in state.models:
            return
        # A worker with a GPU must not fall back to the CPU. Its GPU is the first visible one:
        # dask-cuda orders CUDA_VISIBLE_DEVICES for each worker.
        has_gpu = worker.state.total_resources.get(GPU, 0) >= 1
        device = "cuda" if self._device == "auto" and has_gpu else self._device
        try:
            require(INDEXING)
            load("cv2").setNumThreads(1)
            models = load_pack(self._pack, resolve_device(device), announce=False)
        except VidsearchError as error:
            state.load_errors[self._identity] = str(error)
            return
        found = pack_identity(models.pack)
        state.load_errors[self._identity] = (
            f"its pack {self._pack!r} is {found!r} where the client has {self._identity!r}"
        )
        state.models[found] = models


def _state(worker: Worker) -> _WorkerState:
    state: _WorkerState | None = getattr(worker, "vidsearch", None)
    if state is None:
        limit = int(worker.memory_manager.memory_limit or 0)
        state = worker.vidsearch = _WorkerState(
            Watchdog(
                lambda: int(worker.monitor.proc.memory_info().rss),
                limit,
                lambda reason: worker.log_event(DEATH_REASON, [worker.address, reason]),
            )
        )
    return state


def worker_models(identity: str) -> LoadedPack:
    """Return the models of the worker that runs the calling task."""
    models: LoadedPack = get_worker().vidsearch.models[identity]
    return models


def worker_watchdog() -> Watchdog:
    """Return the watchdog of the worker that runs the calling task."""
    watchdog: Watchdog = get_worker().vidsearch.watchdog
    return watchdog


def model_error(identity: str, dask_worker: Worker) -> str:
    """Return the error of loading a pack into a worker; empty if the worker has the models.

    Args:
        identity: Identity of the pack.
        dask_worker: The worker; Dask passes it by this name.
    """
    state: _WorkerState | None = getattr(dask_worker, "vidsearch", None)
    if state is None:
        return "it has no models"
    return "" if identity in state.models else state.load_errors.get(identity, "no models")
