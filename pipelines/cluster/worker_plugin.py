"""What a Dask worker carries for our tasks: the models, loaded once, and the guard."""

from __future__ import annotations

from dataclasses import dataclass, field

from distributed import Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from pipelines.cluster.fingerprint import pack_identity
from pipelines.cluster.watchdog import Watchdog
from vidsearch.device import resolve_device
from vidsearch.errors import VidsearchError
from vidsearch.models.registry import LoadedPack, load_pack

GPU = "GPU"
"""The resource that dask-cuda gives its workers, and ``dask worker --resources GPU=1`` any other:
such a worker takes as many videos at once as it has GPUs, each with the one model set of its own.
"""

LAST_WORDS = "vidsearch-last-words"
"""Topic of the events with which a worker says why it ends itself."""


@dataclass
class _Equipment:
    """What our plugin keeps in a worker."""

    guard: Watchdog
    models: dict[str, LoadedPack] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class ModelsPlugin(WorkerPlugin):  # type: ignore[misc]
    """Loads the models once a worker, not once a video, and sets its guard.

    What goes wrong is kept and told when the worker is asked, before it gets any work.
    """

    def __init__(self, pack: str, identity: str, device: str) -> None:
        self.name = f"vidsearch-{identity}-{device}"
        self._pack = pack
        self._identity = identity
        self._device = device

    def setup(self, worker: Worker) -> None:
        """Load the pack into the worker, unless a run before this one did."""
        import cv2

        cv2.setNumThreads(1)
        equipment = _equip(worker)
        if self._identity in equipment.models:
            return
        try:
            device = resolve_device(_device_of(worker, self._device))
            models = load_pack(self._pack, device, announce=False)
        except VidsearchError as error:
            equipment.errors[self._identity] = str(error)
            return
        found = pack_identity(models.pack)
        equipment.errors[self._identity] = (
            f"its pack {self._pack!r} is {found!r} where the client has {self._identity!r}"
        )
        equipment.models[found] = models


def _device_of(worker: Worker, asked: str) -> str:
    """Return the device of a worker: one that was given a GPU does not quietly do without.

    Its GPU is the first that it sees: dask-cuda orders CUDA_VISIBLE_DEVICES so, for each worker.
    """
    has_gpu = worker.state.total_resources.get(GPU, 0) >= 1
    return "cuda" if asked == "auto" and has_gpu else asked


def _equip(worker: Worker) -> _Equipment:
    found: _Equipment | None = getattr(worker, "vidsearch", None)
    if found is None:
        limit = int(worker.memory_manager.memory_limit or 0)
        found = worker.vidsearch = _Equipment(
            Watchdog(
                lambda: int(worker.monitor.proc.memory_info().rss),
                limit,
                lambda reason: worker.log_event(LAST_WORDS, [worker.address, reason]),
            )
        )
    return found


def worker_models(identity: str) -> LoadedPack:
    """Return the models of the worker that runs the calling task."""
    models: LoadedPack = get_worker().vidsearch.models[identity]
    return models


def worker_guard() -> Watchdog:
    """Return the guard of the worker that runs the calling task."""
    guard: Watchdog = get_worker().vidsearch.guard
    return guard


def model_trouble(identity: str, dask_worker: Worker) -> str:
    """Return why a worker has not the models; empty where it has."""
    equipment: _Equipment | None = getattr(dask_worker, "vidsearch", None)
    if equipment is None:
        return "it has no models"
    return "" if identity in equipment.models else equipment.errors.get(identity, "no models")
