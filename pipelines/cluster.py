"""Dask clusters: one of our own on this machine, or one that is running already."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dask import config as dask_config
from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster, Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.system import MEMORY_LIMIT

from pipelines.fingerprint import differences, fingerprint
from pipelines.guard import Guard
from pipelines.payloads import IndexOptions
from vidsearch.device import resolve_device
from vidsearch.errors import ClusterLostError, ConfigError, VidsearchError
from vidsearch.models.registry import LoadedPack, load_pack

MEMORY_PER_WORKER = 1 << 30
"""Bytes: one 1080p video with the ``open`` pack stays under 700 MiB."""

WORKERS_WITHIN_S = 60.0
"""A scheduler without workers for that long has none to give."""

GPU = "GPU"
"""The resource that dask-cuda gives its workers, and ``dask worker --resources GPU=1`` any other:
such a worker takes as many videos at once as it has GPUs, each with the one model set of its own.
"""

STARTS = 3
"""How often the workers of this machine are started before that is given up."""

_LAST_WORDS = "vidsearch-last-words"
_FETCH_WITHIN_S = 60.0
_SETTINGS = {
    # A task whose worker died is ours to place again: see graph.py.
    "distributed.scheduler.allowed-failures": 0,
    # Workers hold one video's work, which cannot be spilled, and a pause would never end.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
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


@dataclass
class _Equipment:
    """What our plugin keeps in a worker."""

    guard: Guard
    models: dict[str, LoadedPack] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class ModelsPlugin(WorkerPlugin):  # type: ignore[misc]
    """Loads the models once a worker, not once a video, and sets its guard.

    What goes wrong is kept and told when the worker is asked, before it gets any work.
    """

    def __init__(self, pack: str, model_id: str, device: str) -> None:
        self.name = f"vidsearch-{model_id}-{device}"
        self._pack = pack
        self._model_id = model_id
        self._device = device

    def setup(self, worker: Worker) -> None:
        """Load the pack into the worker, unless a run before this one did."""
        import cv2

        cv2.setNumThreads(1)
        equipment = _equip(worker)
        if self._model_id in equipment.models:
            return
        try:
            device = resolve_device(_device_of(worker, self._device))
            models = load_pack(self._pack, device, announce=False)
        except VidsearchError as error:
            equipment.errors[self._model_id] = str(error)
            return
        equipment.errors[self._model_id] = (
            f"its pack {self._pack!r} is model {models.model_id!r} where the client has "
            f"{self._model_id!r}"
        )
        equipment.models[models.model_id] = models


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
            Guard(
                lambda: int(worker.monitor.proc.memory_info().rss),
                limit,
                lambda reason: worker.log_event(_LAST_WORDS, [worker.address, reason]),
            )
        )
    return found


def worker_models(model_id: str) -> LoadedPack:
    """Return the models of the worker that runs the calling task."""
    models: LoadedPack = get_worker().vidsearch.models[model_id]
    return models


def worker_guard() -> Guard:
    """Return the guard of the worker that runs the calling task."""
    guard: Guard = get_worker().vidsearch.guard
    return guard


def _versions() -> dict[str, str]:
    return fingerprint()


def _model_trouble(model_id: str, dask_worker: Worker) -> str:
    equipment: _Equipment | None = getattr(dask_worker, "vidsearch", None)
    if equipment is None:
        return "it has no models"
    return "" if model_id in equipment.models else equipment.errors.get(model_id, "no models")


class Cluster:
    """A connected cluster: who works in it, who may, and what those who died said last.

    Args:
        client: Connected.
        model_id: Model that every worker must have.
    """

    def __init__(self, client: Client, model_id: str) -> None:
        self.client = client
        self.model_id = model_id
        self._trusted: set[str] = set()
        self._with_gpu: set[str] = set()
        self._refused: dict[str, str] = {}
        self._last_words: dict[str, str] = {}
        client.subscribe_topic(_LAST_WORDS, self._hear)

    @property
    def dashboard(self) -> str:
        return str(self.client.dashboard_link)

    @property
    def alive(self) -> bool:
        """Whether the scheduler is still there; once it is lost, so is all it knew of our work."""
        return bool(self.client.status == "running")

    def members(self) -> dict[str, int]:
        """Return address -> videos at once of every worker there is now.

        Raises:
            OSError: The scheduler is lost.
        """
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        gpus = {address: int(about["resources"].get(GPU, 0)) for address, about in workers.items()}
        self._with_gpu = {address for address, count in gpus.items() if count}
        threads = {address: int(about["nthreads"]) for address, about in workers.items()}
        return {a: min(count, gpus[a]) if gpus[a] else count for a, count in threads.items()}

    def submit(self, worker: str, task: Callable[..., Any], *args: Any) -> Future:
        """Give a worker a task, and with it one of its GPUs if it has any."""
        return self.client.submit(
            task,
            *args,
            workers=[worker],
            allow_other_workers=False,
            resources={GPU: 1} if worker in self._with_gpu else None,
            pure=False,
        )

    def fit(self) -> dict[str, int]:
        """Return the workers that run our code with our model; each is asked once.

        Raises:
            OSError: The scheduler is lost.
        """
        members = self.members()
        new = [a for a in members if a not in self._trusted and a not in self._refused]
        for address, trouble in self.troubles(new).items():
            if not trouble:
                self._trusted.add(address)
            elif address in self.members():
                self._refused[address] = trouble
                _LOG.warning("worker %s is not used: %s", address, trouble)
        return {a: threads for a, threads in members.items() if a in self._trusted}

    def troubles(self, workers: Collection[str]) -> dict[str, str]:
        """Return why each worker cannot be used, empty where it can."""
        found = self._ask(_versions, workers=list(workers))
        ours = fingerprint()
        troubles = {a: _told(about, lambda told: differences(ours, told)) for a, about in found}
        rest = [address for address, trouble in troubles.items() if not trouble]
        models = self._ask(_model_trouble, self.model_id, workers=rest)
        return troubles | {address: _told(about, str) for address, about in models}

    def fetch(self, future: Future) -> Any:
        """Return a finished task's result; None where it is gone with its worker.

        ``Future.result`` would wait until somebody makes it again, which nobody does: a task is
        bound to its worker.
        """
        try:
            answer = self.client.sync(
                self.client.scheduler.gather, keys=[future.key], callback_timeout=_FETCH_WITHIN_S
            )
            return answer["data"][future.key] if answer["status"] == "OK" else None
        except (OSError, TimeoutError) as error:
            _LOG.debug("the outcome of %s was lost: %s", future.key, error)
            return None

    def last_words(self, worker: str) -> str:
        """Return why a dead worker ended itself; empty where somebody else did."""
        return self._last_words.pop(worker, "")

    def _ask(
        self, function: Callable[..., Any], *args: Any, workers: list[str]
    ) -> list[tuple[str, Any]]:
        if not workers:
            return []
        answers = self.client.run(function, *args, workers=workers, on_error="return")
        # Whoever cannot be reached has died, or is asked again at the next look.
        return [(a, answer) for a, answer in answers.items() if not isinstance(answer, OSError)]

    def _hear(self, event: tuple[float, list[str]]) -> None:
        worker, reason = event[1]
        self._last_words[worker] = reason


def _told(answer: Any, read: Callable[[Any], str]) -> str:
    if isinstance(answer, BaseException):
        return f"it has another vidsearch or none ({type(answer).__name__}: {answer})"
    return read(answer)


@contextmanager
def connect(pack: str, model_id: str, options: IndexOptions) -> Iterator[Cluster]:
    """Yield a cluster whose workers are alike and have their models; close what was opened.

    Raises:
        ConfigError: No scheduler answers, it has no workers, or a worker has another version of
            vidsearch or of the pack.
    """
    _quiet()
    with dask_config.set(_SETTINGS), _client(options) as client:
        cluster = Cluster(client, model_id)
        _need_workers(client, options)
        versions = cluster._ask(_versions, workers=list(cluster.members()))  # noqa: SLF001
        ours = fingerprint()
        _refuse({a: _told(about, lambda told: differences(ours, told)) for a, about in versions})
        _equip_all(client, ModelsPlugin(pack, model_id, options.device))
        _refuse(cluster.troubles(list(cluster.members())))
        yield cluster


def _equip_all(client: Client, plugin: ModelsPlugin) -> None:
    for left in reversed(range(STARTS)):
        try:
            client.register_plugin(plugin)
        except OSError as error:  # a worker died just now
            if not left:
                raise ClusterLostError(
                    f"the workers die before they have any work ({error}); repeat the command"
                ) from error
            time.sleep(1)
        except Exception as error:
            raise ConfigError(f"the workers cannot load the models: {error}") from error
        else:
            return


def _need_workers(client: Client, options: IndexOptions) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_WITHIN_S)
    except TimeoutError as error:
        raise ConfigError(
            f"the Dask scheduler {options.scheduler or 'of this machine'!r} has no workers; "
            f"start some with 'dask worker {options.scheduler or 'ADDRESS'}', or leave --scheduler "
            "out"
        ) from error


def _refuse(troubles: dict[str, str]) -> None:
    bad = {address: trouble for address, trouble in sorted(troubles.items()) if trouble}
    if bad:
        address, trouble = next(iter(bad.items()))
        others = f" (and {len(bad) - 1} more workers)" if len(bad) > 1 else ""
        raise ConfigError(
            f"worker {address}{others} cannot work for this client: {trouble}; "
            "install the same version of vidsearch and its packs everywhere"
        )


def _quiet() -> None:
    """Keep Dask's chatter out of the console: what matters arrives as an outcome or an error."""
    chatty = ("distributed", "bokeh", "tornado", "asyncio")
    loud = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in chatty]
    for name in {*chatty, *loud}:
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def open_client(scheduler: str) -> Iterator[Client]:
    """Yield a client of a running cluster, for work that needs no models.

    Raises:
        ConfigError: No scheduler answers, it has no workers, or they run another vidsearch.
    """
    options = IndexOptions(scheduler=scheduler)
    _quiet()
    with dask_config.set(_SETTINGS), _client(options) as client:
        _need_workers(client, options)
        answers = client.run(_versions, on_error="return")
        ours = fingerprint()
        _refuse(
            {a: _told(about, lambda told: differences(ours, told)) for a, about in answers.items()}
        )
        yield client


@contextmanager
def _client(options: IndexOptions) -> Iterator[Client]:
    if options.scheduler is not None:
        try:
            client = Client(options.scheduler, timeout="10s")
        except (OSError, ValueError, TimeoutError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {options.scheduler!r} ({error}); "
                "start one with 'dask scheduler', or leave --scheduler out"
            ) from error
        with client:
            yield client
        return
    cluster = _start(options)
    with cluster, Client(cluster) as client:
        yield client


def _start(options: IndexOptions) -> LocalCluster:
    """Start workers on this machine; one that dies while it starts is no reason to give up.

    Raises:
        ClusterLostError: They died every time.
    """
    failure: Exception | None = None
    for tries in range(1, STARTS + 1):
        try:
            return LocalCluster(
                n_workers=options.workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                memory_limit=options.worker_memory or "auto",
            )
        except (RuntimeError, OSError) as error:
            _LOG.info("start %d of the workers failed: %s", tries, error)
            failure = error
    raise ClusterLostError(
        f"the workers of this machine died {STARTS} times while they started ({failure}); "
        "repeat the command, with fewer --workers or more memory"
    ) from failure
