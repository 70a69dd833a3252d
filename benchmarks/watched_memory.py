"""A command's memory, looked at from outside: its own pages and those of mapped files apart.

Pages of a mapped file can be dropped by the system at any time and read again; a process's own
cannot (there is no swap to count on), so these are what it needs.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Peak:
    """Largest values seen, GiB."""

    own: float
    mapped: float
    both: float

    def __str__(self) -> str:
        return (
            f"peak memory {self.own:.2f} GiB of its own, {self.mapped:.2f} GiB of mapped files, "
            f"{self.both:.2f} GiB at once"
        )


def run(command: Sequence[str], every_s: float = 0.1) -> Peak:
    """Run a command to its end and return what it took.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    process = subprocess.Popen(list(command))
    own = mapped = both = 0
    while process.poll() is None:
        now = _resident(process.pid)
        own, mapped = max(own, now[0]), max(mapped, now[1])
        both = max(both, sum(now))
        time.sleep(every_s)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Peak(own / 2**20, mapped / 2**20, both / 2**20)


def _resident(pid: int) -> tuple[int, int]:
    """Return resident KiB of the process itself, and of files that it has mapped."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    own = int(sizes.get("RssAnon", 0)) + int(sizes.get("RssShmem", 0))
    return own, int(sizes.get("RssFile", 0))
