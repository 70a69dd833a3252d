"""Identity of a host, names of its workers, and what a task reports about its host."""

from __future__ import annotations

import os
import platform
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Host:
    """Machine, container or mount namespace; its workers see the same files.

    Attributes:
        key: Identity: machine, mount namespace, root folder and user.
        name: Name for messages.
    """

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class WorkerName:
    """Name of a worker, for messages and logs.

    Attributes:
        name: Name given to the worker; its address if it has none.
        host: Name of its host.
    """

    name: str
    host: str

    def __str__(self) -> str:
        return f"host {self.host} (worker {self.name})"


@dataclass(frozen=True, slots=True)
class HostFault:
    """Result of a task whose files the host of the worker cannot read.

    The task is tried on the other hosts.

    Attributes:
        message: Path and reason.
        result: Result of the task if no host reads the files.
    """

    message: str
    result: Any


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Host or worker that gets no more work, and a message with the reason and the remedy."""

    host: str
    message: str


@cache
def this_host() -> Host:
    """Return the host of this process."""
    root = Path("/").stat()
    user = os.geteuid() if hasattr(os, "geteuid") else ""
    machine = _content("/proc/sys/kernel/random/boot_id") or f"{uuid.getnode():x}"
    parts = (machine, _target("/proc/self/ns/mnt"), f"{root.st_dev}:{root.st_ino}", str(user))
    return Host("/".join((platform.node(), *parts)), platform.node() or "unnamed")


def _content(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _target(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
