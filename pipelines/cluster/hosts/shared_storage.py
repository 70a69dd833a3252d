"""Check that the workers of a cluster see the same files as this machine, before work starts.

Two probes: the catalog's folder is read and written, a sample of the input files is read. A storage
that does not answer counts as one that does not show the file.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pipelines.cluster.hosts.identity import Host
from pipelines.cluster.timeouts import is_done, start_call
from vidsearch.errors import ConfigError, VideoError
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import printable
from vidsearch.video.source import ByteSource, is_remote, local_path

SAMPLE = 16
"""Number of input files that are probed on each host."""

_ANSWER_WITHIN_S = 20.0
_SILENT = f"its storage did not answer within {_ANSWER_WITHIN_S:.0f} s"

R = TypeVar("R")


class Workers(Protocol):
    """Workers of a cluster that can be asked."""

    def ask(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Return worker -> result of a function on that worker, or its exception."""
        ...

    def host_of(self, worker: str) -> Host:
        """Return the host of a worker."""
        ...


@dataclass(frozen=True, slots=True)
class InputFile:
    """File that workers must read.

    Attributes:
        uri: Path, or a URI known to fsspec.
        size: Size in bytes on this machine.
    """

    uri: str
    size: int


def sample_files(files: Iterable[InputFile], count: int = SAMPLE) -> tuple[InputFile, ...]:
    """Return a sample of files that are readable on this machine, from as many folders as possible.

    Args:
        files: All input files.
        count: Size of the sample.
    """
    by_folder: dict[str, list[InputFile]] = {}
    for file in files:
        by_folder.setdefault(file.uri.rpartition("/")[0], []).append(file)
    firsts = [folder[0] for folder in by_folder.values()]
    others = [file for folder in by_folder.values() for file in folder[1:]]
    chosen = _spread(firsts, count)
    chosen += _spread(others, count - len(chosen))
    return tuple(file for file in chosen if not file_fault(file))


def _spread(files: Sequence[InputFile], count: int) -> list[InputFile]:
    """Return ``count`` files at equal distances."""
    count = min(count, len(files))
    return [files[number * len(files) // count] for number in range(count)]


def read_fault(uri: str) -> str:
    """Return the reason why this machine cannot read a file; empty if it can.

    Args:
        uri: Path, or a URI known to fsspec.
    """
    try:
        source = ByteSource(uri)
        try:
            source.read(1)
            source.check()
        finally:
            source.close()
    except VideoError as error:
        return str(error)
    return ""


def file_fault(file: InputFile) -> str:
    """Return the reason why this machine cannot read a file as the client does; empty if it can."""
    fault = read_fault(file.uri)
    if fault or is_remote(file.uri):
        return fault
    try:
        size = local_path(file.uri).stat().st_size
    except OSError as error:
        return f"'{printable(file.uri)}' cannot be read ({error.strerror or error})"
    if size != file.size:
        return f"'{printable(file.uri)}' has {size} bytes there and {file.size} bytes here"
    return ""


def file_faults(files: Sequence[InputFile]) -> list[str]:
    """Return the fault of each file on this machine, in order; runs on a worker."""
    return _in_time(
        lambda: [file_fault(file) for file in files],
        [f"'{printable(file.uri)}' cannot be read ({_SILENT})" for file in files],
    )


def _in_time(call: Callable[[], R], otherwise: R) -> R:
    """Return the result of a call on a storage; ``otherwise`` if the storage does not answer."""
    future = start_call(call)
    return future.result() if is_done(future, _ANSWER_WITHIN_S) else otherwise


def require_shared_storage(cluster: Workers, root: StoragePath) -> None:
    """Raise unless every worker reads a file written here, and this machine reads the answers.

    Args:
        cluster: Connected cluster.
        root: Folder of the catalog.

    Raises:
        ConfigError: A worker does not see the folder; names the first one and the reason.
    """
    bad = catalog_faults(cluster, root)
    if bad:
        worker, fault = next(iter(bad.items()))
        others = f" (and {len(bad) - 1} more workers)" if len(bad) > 1 else ""
        raise ConfigError(
            f"worker {worker}{others} on host {cluster.host_of(worker).name} {fault}; make it "
            "reachable and writable there under the same path, or build without --scheduler"
        )


def catalog_faults(cluster: Workers, root: StoragePath) -> dict[str, str]:
    """Return worker -> fault of every worker that does not see the catalog as this machine does.

    Args:
        cluster: Connected cluster.
        root: Folder of the catalog.
    """
    probe = root.child("index").child(f"gen-{time.time_ns() // 1_000_000:012x}-probe")
    token = secrets.token_hex(8)
    request = probe.child("asked")
    try:
        if request.path is not None:
            request.path.parent.mkdir(parents=True, exist_ok=True)
        request.write(token.encode())
        answers = cluster.ask(_answer, probe, token)
        written = set(probe.names())
    finally:
        probe.remove_tree()
    return {
        worker: f"does not see the catalog {root.uri!r} as this machine does ({answer})"
        for worker, answer in sorted(answers.items())
        if isinstance(answer, BaseException) or answer not in written
    }


def _answer(probe: StoragePath, token: str) -> str:
    """Write an answer file on a worker; return its name, or the error text."""
    return _in_time(lambda: _write_answer(probe, token), _SILENT)


def _write_answer(probe: StoragePath, token: str) -> str:
    try:
        if probe.child("asked").read() != token.encode():
            return "another folder has that path"
        name = f"answer-{secrets.token_hex(8)}"
        if probe.path is not None:
            (probe.path / name).write_text(token)
        else:
            probe.child(name).write(token.encode())
    except OSError as error:
        return f"{type(error).__name__}: {error.strerror or error}"
    return name
