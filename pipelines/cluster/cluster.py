"""Connected Dask cluster: live workers, accepted workers, last error of each dead worker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future as Call
from typing import Any

from distributed import Client, Future

from pipelines.cluster.client import replace_workers
from pipelines.cluster.context import WorkerContext
from pipelines.cluster.fingerprint import differences, fingerprint
from pipelines.cluster.hosts.identity import Host
from pipelines.cluster.hosts.shared_storage import InputFile
from pipelines.cluster.hosts.worker_hosts import WorkerHosts
from pipelines.cluster.timeouts import call_with_timeout, is_done, start_call
from pipelines.cluster.worker_plugin import (
    DEATH_REASON,
    GPU,
    model_error,
    worker_models,
    worker_watchdog,
)
from vidsearch.errors import ClusterLostError, ConfigError, reason

ANSWER_WITHIN_S = 60.0
"""Time limit of a request to the scheduler or a worker, in seconds."""

_FETCH_WITHIN_S = 600.0
_POLL_S = 0.2
_CHECK_WORKER_EVERY_S = 2.0
_LOG = logging.getLogger(__name__)


class ResultLostError(Exception):
    """The result of a finished task is gone with its worker."""


def cluster_lost(part: str, scheduler: str | None, cause: str = "") -> ClusterLostError:
    """Return the error for a cluster that disappeared during a run.

    Args:
        part: Missing part: "scheduler" or "last worker".
        scheduler: Address; None for the cluster of this machine.
        cause: Reason, if known.
    """
    details = f" ({cause})" if cause else ""
    return ClusterLostError(
        f"the {part} of the Dask cluster {scheduler or 'of this machine'!r} is gone{details}; "
        "finished work is kept: start it again and repeat the command"
    )


class Cluster:
    """Connected cluster: live workers, accepted workers, last error of each dead worker.

    A worker is accepted if it runs the client's versions and, for work with models, has loaded
    the expected pack.

    Args:
        client: Connected client.
        scheduler: Address for error messages; None for the cluster of this machine.
        identity: Identity of the pack that every worker must have; None for work without models.
        files: Sample of the input files; a worker whose host reads none of them gets no work.
    """

    def __init__(
        self,
        client: Client,
        scheduler: str | None = None,
        identity: str | None = None,
        files: Sequence[InputFile] = (),
    ) -> None:
        self.client = client
        self.scheduler = scheduler
        self.identity = identity
        self.hosts = WorkerHosts(self._ask, scheduler, files)
        self._accepted: set[str] = set()
        self._rejected: set[str] = set()
        self._with_gpu: set[str] = set()
        self._death_reasons: dict[str, str] = {}
        self._asked: list[str] = []
        self._answers: Call[dict[str, str]] | None = None
        self._one_by_one = False
        client.subscribe_topic(DEATH_REASON, self._note_death)

    @property
    def dashboard(self) -> str:
        """Address of the Dask dashboard."""
        return str(self.client.dashboard_link)

    @property
    def connected(self) -> bool:
        """True while the scheduler is connected; a lost scheduler has forgotten all tasks."""
        return bool(self.client.status == "running")

    def members(self) -> dict[str, int]:
        """Return the live workers: address -> number of tasks that run at once.

        Raises:
            TimeoutError: The scheduler does not answer.
            OSError: The scheduler is gone.
        """
        # Not ``Client.scheduler_info``: a periodic callback of the client may replace its answer by
        # one without workers, and every running task would count as one whose worker died.
        info = call_with_timeout(
            ANSWER_WITHIN_S, "the scheduler", self.client.sync, self.client.scheduler.identity
        )
        self.hosts.note_names(info["workers"])
        threads = {address: int(worker["nthreads"]) for address, worker in info["workers"].items()}
        if self.identity is None:
            return threads
        gpus = {a: int(worker["resources"].get(GPU, 0)) for a, worker in info["workers"].items()}
        self._with_gpu = {address for address, count in gpus.items() if count}
        return {a: min(count, gpus[a]) if gpus[a] else count for a, count in threads.items()}

    def accepted_members(self) -> dict[str, int]:
        """Return the accepted live workers; new workers are checked once, in the background.

        A worker that does not answer delays no other: it is left out.

        Raises:
            TimeoutError: The scheduler does not answer.
            OSError: The scheduler is gone.
        """
        members = self.members()
        if self._answers is None:
            new = [a for a in members if a not in self._accepted and a not in self._rejected]
            self._asked = new[:1] if self._one_by_one else new
            if self._asked:
                self._answers = start_call(self._check_new_workers, self._asked)
        if self._answers is not None and is_done(self._answers, _POLL_S):
            self._take_answers(self._answers)
            self._answers = None
        return {a: threads for a, threads in members.items() if a in self._accepted}

    def require_accepted(self) -> None:
        """Check all live workers and accept them; leave out hosts that do not see the files.

        Raises:
            ConfigError: A worker has other versions or another pack, or no host sees the files.
        """
        problems = self.check_workers(list(self.members()))
        require_no_problems(problems)
        blind = self.hosts.blind(problems)
        self.hosts.require_seen(problems, blind)
        self._rejected.update(blind)
        self._accepted.update(problems.keys() - blind.keys())

    def require_versions(self) -> None:
        """Check the versions of all live workers.

        Raises:
            ConfigError: A worker has other versions.
        """
        require_no_problems(self._check_versions(list(self.members())))

    def check_workers(self, workers: Collection[str]) -> dict[str, str]:
        """Return address -> reason to reject the worker, empty if it can be used."""
        problems = self._check_versions(workers)
        if self.identity is None:
            return problems
        rest = [address for address, problem in problems.items() if not problem]
        errors = self._ask(model_error, self.identity, workers=rest)
        return problems | {address: _problem(answer, str) for address, answer in errors.items()}

    def _check_new_workers(self, workers: Collection[str]) -> dict[str, str]:
        problems = self.check_workers(workers)
        return problems | self.hosts.blind([w for w, problem in problems.items() if not problem])

    def ask(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Return worker -> result of a function on every live worker, or its exception."""
        return self._ask(function, *args, workers=list(self.members()))

    def host_of(self, worker: str) -> Host:
        """Return the host of a worker."""
        return self.hosts.host_of(worker)

    def reject(self, problems: Mapping[str, str]) -> None:
        """Give workers no more work: address -> reason."""
        self._accepted.difference_update(problems)
        self._rejected.update(problems)
        for worker, problem in problems.items():
            self.hosts.note_unused(worker, f"worker {worker} is not used: {problem}")

    def submit(self, worker: str, function: Callable[..., Any], *args: Any) -> Future:
        """Submit a task to one worker, with one of its GPUs if it has any.

        With models the function gets a ``WorkerContext`` as its first argument.
        """
        if self.identity is not None:
            function, args = _call_with_context, (self.identity, function, *args)
        return self.client.submit(
            function,
            *args,
            workers=[worker],
            allow_other_workers=False,
            resources={GPU: 1} if worker in self._with_gpu else None,
            pure=False,
        )

    def fetch(self, future: Future, worker: str) -> Any:
        """Return the result of a finished task.

        ``Future.result`` would block for ever if the worker is gone, because the task is bound to
        that worker. The result of a long video takes time on a slow network.

        Raises:
            ResultLostError: The worker is gone, or the transfer failed or took too long.
        """
        call = start_call(self.client.sync, self.client.scheduler.gather, keys=[future.key])
        end = time.monotonic() + _FETCH_WITHIN_S
        while not is_done(call, _CHECK_WORKER_EVERY_S):
            if time.monotonic() > end or not self._is_member(worker):
                raise ResultLostError(worker)
        try:
            answer = call.result()
        except OSError as error:
            raise ResultLostError(reason(error)) from error
        if answer["status"] != "OK":
            raise ResultLostError(worker)
        return answer["data"][future.key]

    def replace_workers(self) -> None:
        """Start new workers on this machine for those that are gone for good."""
        replace_workers(self.client)

    def pop_death_reason(self, worker: str) -> str:
        """Return the reason that a watchdog gave for ending a worker; empty if none is known."""
        return self._death_reasons.pop(worker, "")

    def _check_versions(self, workers: Collection[str]) -> dict[str, str]:
        client_versions = fingerprint()
        answers = self._ask(fingerprint, workers=list(workers))
        return {
            address: _problem(answer, lambda versions: differences(client_versions, versions))
            for address, answer in answers.items()
        }

    def _ask(self, function: Callable[..., Any], *args: Any, workers: list[str]) -> dict[str, Any]:
        if not workers:
            return {}
        answers = call_with_timeout(
            ANSWER_WITHIN_S,
            "a worker",
            self.client.run,
            function,
            *args,
            workers=workers,
            on_error="return",
        )
        # An unreachable worker has died, or it is asked again at the next look.
        return {a: answer for a, answer in answers.items() if not isinstance(answer, OSError)}

    def _take_answers(self, answers: Call[dict[str, str]]) -> None:
        try:
            problems = answers.result()
        except TimeoutError as error:
            # One worker blocks the batch request: query workers one at a time.
            problems = {self._asked[0]: reason(error)} if len(self._asked) == 1 else {}
            self._one_by_one = True
        except OSError as error:  # the next request shows whether the scheduler is gone
            _LOG.debug("new workers could not be asked: %s", reason(error))
            return
        for address, problem in problems.items():
            if not problem:
                self._accepted.add(address)
            elif address in self.members():
                self.reject({address: problem})

    def _is_member(self, worker: str) -> bool:
        try:
            return worker in self.members()
        except TimeoutError:  # unknown: keep waiting
            return True

    def _note_death(self, event: tuple[float, list[str]]) -> None:
        worker, cause = event[1]
        self._death_reasons[worker] = cause


def _problem(answer: Any, check: Callable[[Any], str]) -> str:
    if isinstance(answer, BaseException):
        return f"it has another vidsearch or none ({type(answer).__name__}: {answer})"
    return check(answer)


def require_no_problems(problems: dict[str, str]) -> None:
    """Raise for the first worker with a problem.

    Args:
        problems: Address -> reason to reject the worker, empty if it can be used.

    Raises:
        ConfigError: A worker cannot be used.
    """
    bad = {address: problem for address, problem in sorted(problems.items()) if problem}
    if bad:
        address, problem = next(iter(bad.items()))
        others = f" (and {len(bad) - 1} more workers)" if len(bad) > 1 else ""
        raise ConfigError(
            f"worker {address}{others} cannot work for this client: {problem}; "
            "install the same version of vidsearch and its packs everywhere"
        )


def _call_with_context(identity: str, function: Callable[..., Any], *args: Any) -> Any:
    with worker_watchdog().task() as allow:
        return function(WorkerContext(worker_models(identity), allow), *args)
