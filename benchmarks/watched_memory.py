"""Memory of a command, measured from outside: its own pages and those of mapped files.

The system can drop pages of a mapped file at any time and read them again. It cannot drop the pages
of the process (without swap), so these are the required memory.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Peak:
    """Largest values, GiB."""

    own: float
    mapped: float
    both: float

    def __str__(self) -> str:
        return (
            f"peak memory {self.own:.2f} GiB of its own, {self.mapped:.2f} GiB of mapped files, "
            f"{self.both:.2f} GiB at once"
        )


def run(command: Sequence[str], every_s: float = 0.1) -> Peak:
    """Run a command to its end and return its peak memory.

    Raises:
        subprocess.CalledProcessError: The command failed.
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
    """Return resident KiB of the process itself, and of its mapped files."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    own = int(sizes.get("RssAnon", 0)) + int(sizes.get("RssShmem", 0))
    return own, int(sizes.get("RssFile", 0))
