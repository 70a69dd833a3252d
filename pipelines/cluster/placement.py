"""Placement: which worker may get which task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pipelines.cluster.hosts.identity import Host
from pipelines.cluster.hosts.ledger import HostLedger
from pipelines.cluster.task import RunnerConfig, Task


class Hosts(Protocol):
    """Hosts of the workers of a cluster."""

    def host_of(self, worker: str) -> Host:
        """Return the host of a worker."""
        ...


class Placement:
    """Decides which worker may get a task.

    - A host that cannot read the files of a task does not get the task again.
    - A task that killed a worker goes to another host, or at least to another worker, if one lives.
    - A host with many faults gets new tasks slowly; a host that was left out gets none.

    Attributes:
        threads: Usable workers: address -> number of tasks that run at once.

    Args:
        hosts: Hosts of the workers.
        config: Limits.
    """

    def __init__(self, hosts: Hosts, config: RunnerConfig) -> None:
        self.threads: dict[str, int] = {}
        self._hosts = hosts
        self._config = config
        self._ledger = HostLedger()
        self._live_s: dict[str, float] = {}
        self._workers: dict[str, str] = {}
        self._now = 0.0

    def update(self, members: Mapping[str, int], now: float) -> None:
        """Set the live workers.

        Args:
            members: Address -> number of tasks that run at once.
            now: Time of the monotonic clock, in seconds.
        """
        self._now = now
        self._workers.update((self._key(worker), worker) for worker in members)
        self._live_s.update(dict.fromkeys(map(self._key, members), now))
        self.threads = {
            worker: count
            for worker, count in members.items()
            if not self._ledger.is_left_out(self._key(worker))
        }

    def drop(self, worker: str) -> None:
        """Use a worker no more until the next update."""
        self.threads.pop(worker, None)

    def fits(self, task: Task, worker: str, *, suspects: bool) -> bool:
        """Return True if a worker may get a task.

        Args:
            task: The task.
            worker: Address of a usable worker.
            suspects: False leaves out tasks that killed a worker.
        """
        if self._key(worker) in task.faults:
            return False
        if not task.failed_workers:
            return task.tried or self._ledger.may_take_fresh(self._key(worker), self._now)
        if not suspects:
            return False
        able = [w for w in self.threads if self._key(w) not in task.faults]
        return self._rank(task, worker) == min(self._rank(task, other) for other in able)

    def has_other_host(self, task: Task) -> bool:
        """Return True if a host, live or gone for a short time, has not tried to read the files."""
        return any(
            key not in task.faults
            and not self._ledger.is_left_out(key)
            and self._now - live_s <= self._config.other_host_s
            for key, live_s in self._live_s.items()
        )

    def note_fault(self, task: Task) -> None:
        """Count a task whose files its host cannot read."""
        self._ledger.add_fault(task.host, self._now)

    def note_success(self, task: Task) -> dict[str, str]:
        """Count a task that its host did; return a worker of each host to leave out -> reason."""
        faults = {key: f"{worker}: {message}" for key, (worker, message) in task.faults.items()}
        left_out = self._ledger.add_success(task.host, faults, map(self._key, self.threads))
        for worker in [w for w in self.threads if self._key(w) in left_out]:
            self.drop(worker)
        return {self._workers[key]: message for key, message in left_out.items()}

    def note_failure_everywhere(self) -> bool:
        """Count a task that failed on every host; return True if the hosts should be probed."""
        self._ledger.add_failure_everywhere()
        if self._ledger.failed_everywhere < self._config.probe_after:
            return False
        self._ledger.forgive()
        return True

    def _key(self, worker: str) -> str:
        return self._hosts.host_of(worker).key

    def _rank(self, task: Task, worker: str) -> int:
        if self._key(worker) not in task.failed_hosts:
            return 0
        return 1 if worker not in task.failed_workers else 2
