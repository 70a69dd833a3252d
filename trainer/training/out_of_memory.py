"""Out-of-memory errors of torch and NumPy, reported on one line with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vidsearch.errors import DeviceMemoryError


@contextmanager
def explain_out_of_memory(activity: str, remedy: str) -> Iterator[None]:
    """Convert out-of-memory errors inside the block to :class:`DeviceMemoryError`.

    Args:
        activity: Device and computation: ``cuda:0 at step 7``.
        remedy: Settings to change.

    Raises:
        DeviceMemoryError: The device or the machine ran out of memory.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_out_of_memory(error):
            raise
        raise DeviceMemoryError(f"out of memory: {activity}; {remedy}") from error


def _is_out_of_memory(error: RuntimeError) -> bool:
    # torch's CPU allocator raises a plain RuntimeError, recognisable by its name only.
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
