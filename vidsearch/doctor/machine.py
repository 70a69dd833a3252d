"""Cores and memory of the machine, limits of its container, folders that must be writable."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Literal

from vidsearch.doctor.findings import Folder, Machine
from vidsearch.processes import address_space_limit, usable_cores

NEEDED_BYTES = 1 << 30
"""One worker: a 1080p video with the ``open`` pack stays under 700 MiB."""

_CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60


def machine(cgroup: Path = _CGROUP) -> Machine:
    """Return the cores and the memory that the process may use.

    Args:
        cgroup: Folder of the limits of the container, version 1 or 2.
    """
    memory, limit = _memory_bytes(), _memory_limit(cgroup)
    least = min(size for size in (memory, limit, _UNLIMITED) if size is not None)
    return Machine(
        level="warning" if least < NEEDED_BYTES else "ok",
        cores=usable_cores(),
        cpu_limit=_cpu_limit(cgroup),
        memory_bytes=memory,
        memory_limit_bytes=limit,
    )


def _memory_bytes() -> int | None:
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 (mypy leaves out the branches of other systems)
        if "SC_PHYS_PAGES" not in os.sysconf_names:
            return None
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _memory_limit(cgroup: Path) -> int | None:
    limits = [
        _number(cgroup / "memory.max"),
        _number(cgroup / "memory" / "memory.limit_in_bytes"),
        address_space_limit(),
    ]
    return min(
        (limit for limit in limits if limit is not None and limit < _UNLIMITED), default=None
    )


def _cpu_limit(cgroup: Path) -> float | None:
    text = _text(cgroup / "cpu.max").split()
    if len(text) == 2 and text[0] != "max":
        return int(text[0]) / int(text[1])
    quota = _number(cgroup / "cpu" / "cpu.cfs_quota_us")
    period = _number(cgroup / "cpu" / "cpu.cfs_period_us")
    return quota / period if quota is not None and quota > 0 and period else None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def folder(role: Literal["cache", "temporary"], path: Path) -> Folder:
    """Return the finding about a folder: a file is created in it, or in its nearest parent.

    Args:
        role: Use of the folder.
        path: The folder; it is not created.
    """
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    error = None
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as failure:
        error = failure.strerror or type(failure).__name__
    variable = "VIDSEARCH_CACHE" if role == "cache" else "TMPDIR"
    return Folder(
        level="ok" if error is None else "fault",
        command=None if error is None else f"export {variable}=/a/folder/you/may/write",
        role=role,
        path=str(path),
        error=error,
    )
