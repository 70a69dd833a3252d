"""A connected Dask cluster: who works in it, who may, what became of a task."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, Future

from pipelines.cluster.client import STARTS, client_of, revive
from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.fingerprint import differences, fingerprint
from pipelines.cluster.timeouts import Later, within
from pipelines.cluster.worker_plugin import GPU, LAST_WORDS, ModelsPlugin, model_trouble
from vidsearch.errors import ClusterLostError, ConfigError, reason

WORKERS_WITHIN_S = 60.0
"""A scheduler without workers for that long has none to give."""

BACK_WITHIN_S = 600.0
"""So long a run waits for its workers to come back when all are gone."""

TRIES = 3
"""Workers that one video may cost: after the third it is left out."""

ANSWER_WITHIN_S = 60.0
"""A scheduler or worker that takes longer to answer a question has other trouble."""

_FETCH_WITHIN_S = 600.0
_EQUIPPED_WITHIN_S = 600.0
_GLANCE_S = 0.2
_LOOK_AFTER_S = 2.0
_LOG = logging.getLogger(__name__)


def lost(what: str, scheduler: str | None, why: str = "") -> ClusterLostError:
    """Return the error of a cluster that is gone in the middle of the work."""
    told = f" ({why})" if why else ""
    return ClusterLostError(
        f"the {what} of the Dask cluster {scheduler or 'of this machine'!r} is gone{told}; what "
        "was finished is kept: start it again and repeat the command"
    )


def _versions() -> dict[str, str]:
    return fingerprint()


class Cluster:
    """A connected cluster: who works in it, who may, and what those who died said last.

    Args:
        client: Connected.
        identity: Of the pack that every worker must have, see ``pack_identity``.
    """

    def __init__(self, client: Client, identity: str) -> None:
        self.client = client
        self.identity = identity
        self._trusted: set[str] = set()
        self._with_gpu: set[str] = set()
        self._refused: dict[str, str] = {}
        self._last_words: dict[str, str] = {}
        self._asked: list[str] = []
        self._answers: Later[dict[str, str]] | None = None
        self._one_by_one = False
        client.subscribe_topic(LAST_WORDS, self._hear)

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
            TimeoutError: The scheduler does not answer.
            OSError: It is lost.
        """
        about = within(ANSWER_WITHIN_S, "the scheduler", self.client.scheduler_info, n_workers=-1)
        workers = about["workers"]
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

        One that does not answer holds nobody up: it is left out.

        Raises:
            TimeoutError: The scheduler does not answer.
            OSError: It is lost.
        """
        members = self.members()
        if self._answers is None:
            new = [a for a in members if a not in self._trusted and a not in self._refused]
            self._asked = new[:1] if self._one_by_one else new
            if self._asked:
                self._answers = Later(self.troubles, self._asked)
        if self._answers is not None and self._answers.wait(_GLANCE_S):
            self._hear_answers(self._answers)
            self._answers = None
        return {a: threads for a, threads in members.items() if a in self._trusted}

    def require_fit(self) -> None:
        """Ask all workers there are.

        Raises:
            ConfigError: One has other models.
        """
        told = self.troubles(list(self.members()))
        _refuse(told)
        self._trusted.update(told)

    def _hear_answers(self, answers: Later[dict[str, str]]) -> None:
        try:
            told = answers.result()
        except TimeoutError as error:
            # One of them holds up the others: whoever it is, it is asked alone.
            told = {self._asked[0]: reason(error)} if len(self._asked) == 1 else {}
            self._one_by_one = True
        except OSError as error:  # the scheduler's: see what it says at the next look
            _LOG.debug("new workers could not be asked: %s", reason(error))
            return
        for address, trouble in told.items():
            if not trouble:
                self._trusted.add(address)
            elif address in self.members():
                self._refused[address] = trouble
                _LOG.warning("worker %s is not used: %s", address, trouble)

    def troubles(self, workers: Collection[str]) -> dict[str, str]:
        """Return why each worker cannot be used, empty where it can."""
        found = self._ask(_versions, workers=list(workers))
        ours = fingerprint()
        troubles = {a: _told(about, lambda told: differences(ours, told)) for a, about in found}
        rest = [address for address, trouble in troubles.items() if not trouble]
        models = self._ask(model_trouble, self.identity, workers=rest)
        return troubles | {address: _told(about, str) for address, about in models}

    def fetch(self, future: Future, worker: str) -> Any:
        """Return a finished task's result; None where it is gone with its worker.

        ``Future.result`` would wait until somebody makes it again, which nobody does: a task is
        bound to its worker. The result of a long video takes its time on a slow network.
        """
        answer = Later(self.client.sync, self.client.scheduler.gather, keys=[future.key])
        end = time.monotonic() + _FETCH_WITHIN_S
        try:
            while not answer.wait(_LOOK_AFTER_S):
                if time.monotonic() > end or not self._is_there(worker):
                    return None
            found = answer.result()
            return found["data"][future.key] if found["status"] == "OK" else None
        except OSError as error:
            _LOG.debug("the outcome of %s was lost: %s", future.key, reason(error))
            return None

    def _is_there(self, worker: str) -> bool:
        try:
            return worker in self.members()
        except TimeoutError:  # nobody says that it is not
            return True

    def revive(self) -> None:
        """Replace workers of this machine that are gone for good."""
        revive(self.client)

    def last_words(self, worker: str) -> str:
        """Return why a dead worker ended itself; empty where somebody else did."""
        return self._last_words.pop(worker, "")

    def _ask(
        self, function: Callable[..., Any], *args: Any, workers: list[str]
    ) -> list[tuple[str, Any]]:
        if not workers:
            return []
        answers = within(
            ANSWER_WITHIN_S, "a worker", self.client.run, function, *args,
            workers=workers, on_error="return",
        )  # fmt: skip
        # Whoever cannot be reached has died, or is asked again at the next look.
        return [(a, answer) for a, answer in answers.items() if not isinstance(answer, OSError)]

    def _hear(self, event: tuple[float, list[str]]) -> None:
        worker, why = event[1]
        self._last_words[worker] = why


def _told(answer: Any, read: Callable[[Any], str]) -> str:
    if isinstance(answer, BaseException):
        return f"it has another vidsearch or none ({type(answer).__name__}: {answer})"
    return read(answer)


@contextmanager
def connect(pack: str, identity: str, config: ClusterConfig) -> Iterator[Cluster]:
    """Yield a cluster whose workers are alike and have their models; close what was opened.

    Args:
        pack: Name or folder, as the workers find it.
        identity: What it must be there, see ``pack_identity``.
        config: Cluster and device.

    Raises:
        ConfigError: No scheduler answers, it has no workers, or a worker has another version of
            vidsearch or of the pack.
    """
    with client_of(config) as client:
        cluster = Cluster(client, identity)
        _need_workers(client, config)
        with _answering():
            versions = cluster._ask(_versions, workers=list(cluster.members()))  # noqa: SLF001
            ours = fingerprint()
            _refuse(
                {a: _told(about, lambda told: differences(ours, told)) for a, about in versions}
            )
            _equip_all(client, ModelsPlugin(pack, identity, config.device))
            cluster.require_fit()
        yield cluster


@contextmanager
def _answering() -> Iterator[None]:
    """Turn what Dask says of a cluster that does not answer at the start into words of ours."""
    try:
        yield
    except OSError as error:
        raise ClusterLostError(
            f"the Dask cluster does not answer ({reason(error)}); nothing was begun: look after "
            "its scheduler and workers and repeat the command"
        ) from error


def _equip_all(client: Client, plugin: ModelsPlugin) -> None:
    for left in reversed(range(STARTS)):
        try:
            within(_EQUIPPED_WITHIN_S, "the workers", client.register_plugin, plugin)
        except OSError as error:  # a worker died just now
            if not left:
                raise ClusterLostError(
                    f"the workers die before they have any work ({reason(error)}); "
                    "repeat the command"
                ) from error
            time.sleep(1)
        except Exception as error:
            raise ConfigError(f"the workers cannot load the models: {reason(error)}") from error
        else:
            return


def _need_workers(client: Client, config: ClusterConfig) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_WITHIN_S)
    except TimeoutError as error:
        raise ConfigError(
            f"the Dask scheduler {config.scheduler or 'of this machine'!r} has no workers; "
            f"start some with 'dask worker {config.scheduler or 'ADDRESS'}', or leave --scheduler "
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


@contextmanager
def open_client(scheduler: str) -> Iterator[Client]:
    """Yield a client of a running cluster, for work that needs no models.

    Raises:
        ConfigError: No scheduler answers, it has no workers, or they run another vidsearch.
    """
    config = ClusterConfig(scheduler=scheduler)
    with client_of(config) as client:
        _need_workers(client, config)
        with _answering():
            answers = within(ANSWER_WITHIN_S, "a worker", client.run, _versions, on_error="return")
        ours = fingerprint()
        _refuse(
            {a: _told(about, lambda told: differences(ours, told)) for a, about in answers.items()}
        )
        yield client
