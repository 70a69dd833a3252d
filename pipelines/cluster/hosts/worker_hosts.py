"""Hosts of the workers of a cluster, and the hosts that do not see the input files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pipelines.cluster.hosts.identity import Host, LeftOut, WorkerName, this_host
from pipelines.cluster.hosts.shared_storage import InputFile, file_fault, file_faults
from vidsearch.errors import ClusterLostError, ConfigError

_REMEDY = "make the files readable there under the same path and start its workers again"
_LOG = logging.getLogger(__name__)


class WorkerHosts:
    """Hosts of the workers of a cluster.

    Args:
        ask: Runs a function on some workers: worker -> result or exception.
        scheduler: Address of the scheduler; None for a cluster of this machine, whose workers all
            are on this host.
        files: Sample of the input files, readable on this machine. A host that reads none of them
            gets no work.
    """

    def __init__(
        self,
        ask: Callable[..., dict[str, Any]],
        scheduler: str | None = None,
        files: Sequence[InputFile] = (),
    ) -> None:
        self._ask = ask
        self._scheduler = scheduler
        self._files = tuple(files)
        self._hosts: dict[str, Host] = {}
        self._names: dict[str, str] = {}
        self._left_out: list[LeftOut] = []

    def host_of(self, worker: str) -> Host:
        """Return the host of a worker; a worker that has not answered is a host of its own."""
        if self._scheduler is None:
            return this_host()
        return self._hosts.get(worker) or Host(worker, worker)

    def name_of(self, worker: str) -> WorkerName:
        """Return the name of a worker and its host."""
        return WorkerName(self._names.get(worker, worker), self.host_of(worker).name)

    def note_names(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep the names of workers: address -> description by the scheduler."""
        self._names.update((a, str(worker.get("name", a))) for a, worker in workers.items())

    def blind(self, workers: Collection[str]) -> dict[str, str]:
        """Return worker -> fault of the workers whose host reads no file of the sample.

        Workers of a host that reads a part of the sample can be used: each file that their host
        cannot read is tried on another host.

        Args:
            workers: Addresses of new workers.
        """
        if self._scheduler is None or not workers:
            return {}
        answers = self._ask(this_host, workers=[w for w in workers if w not in self._hosts])
        self._hosts.update((w, host) for w, host in answers.items() if isinstance(host, Host))
        blind = {}
        for host, faults in self._faults(workers).items():
            fault = next((fault for fault in faults if fault), "")
            if fault and "" not in faults:
                blind.update({w: fault for w in workers if self.host_of(w).key == host})
            elif fault:
                (worker, *_) = (w for w in workers if self.host_of(w).key == host)
                _LOG.warning(
                    "%s does not see %d of %d sampled files (%s); other hosts read them",
                    *(self.name_of(worker), len(faults) - faults.count(""), len(faults), fault),
                )
        return blind

    def require_seen(self, workers: Collection[str], blind: Mapping[str, str]) -> None:
        """Leave out the hosts that see no file of the sample.

        Args:
            workers: Addresses of all workers.
            blind: Result of ``blind``.

        Raises:
            ConfigError: No host sees a file.
        """
        for fault, worker in {self.host_of(w).key: (f, w) for w, f in blind.items()}.values():
            if len(blind) == len(workers):
                raise ConfigError(
                    f"no worker host of the Dask cluster {self._scheduler!r} sees the files as "
                    f"this machine does: {self.name_of(worker)}: {fault}; make the files readable "
                    "there under the same path, or leave --scheduler out"
                )
            self.leave_out(worker, fault)

    def require_files(self, workers: Collection[str]) -> None:
        """Raise if no host sees a file of the sample any more, though this machine does.

        Args:
            workers: Addresses of the live workers.

        Raises:
            ClusterLostError: The files are gone on every host.
        """
        if not self._files or all(file_fault(file) for file in self._files):
            return
        faults = self._faults(workers)
        if not faults or any("" in found for found in faults.values()):
            return
        fault = next(iter(faults.values()))[0]
        raise ClusterLostError(
            f"no host of the Dask cluster {self._scheduler or 'of this machine'!r} sees the files "
            f"any more ({fault}); finished work is kept: make the files readable there and repeat "
            "the command"
        )

    def leave_out(self, worker: str, fault: str) -> None:
        """Log that the host of a worker gets no more work, and why."""
        name = self.host_of(worker).name
        self.note_unused(worker, f"host {name} gets no work: {fault}; {_REMEDY}")

    def note_unused(self, worker: str, message: str) -> None:
        """Log a worker or a host that is not used."""
        _LOG.warning("%s", message)
        self._left_out.append(LeftOut(self.host_of(worker).name, message))

    def pop_left_out(self) -> list[LeftOut]:
        """Return the hosts left out since the last call."""
        left_out, self._left_out = self._left_out, []
        return left_out

    def _faults(self, workers: Collection[str]) -> dict[str, list[str]]:
        """Return host -> fault of each file of the sample, asked of one worker of each host."""
        one_by_host = {self.host_of(worker).key: worker for worker in workers}
        if not self._files or not one_by_host:
            return {}
        answers = self._ask(file_faults, self._files, workers=list(one_by_host.values()))
        return {
            self.host_of(worker).key: found
            for worker, found in answers.items()
            if isinstance(found, list)
        }
