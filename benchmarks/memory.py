"""Peak memory of this process, without that of its parent."""

from __future__ import annotations

from pathlib import Path


def peak_memory_gib() -> float:
    """Return the largest resident memory so far, GiB (Linux).

    ``resource.getrusage`` would include the parent's memory at the moment of the fork.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    peak_kib = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak_kib) / 2**20
