"""Peak memory of this process, without what the process that started it had."""

from __future__ import annotations

from pathlib import Path


def peak_memory_gib() -> float:
    """Return the most memory that was resident at a time (Linux).

    ``resource.getrusage`` would count the parent's memory at the moment of the fork as well.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    peak_kib = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak_kib) / 2**20
