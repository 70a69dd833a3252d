"""Memory that does not suffice, as one line that says what to lower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vidsearch.errors import DeviceMemoryError


@contextmanager
def enough_memory(doing: str, remedy: str) -> Iterator[None]:
    """Turn what torch and NumPy raise where memory ends into our error.

    Args:
        doing: What needed it: ``cuda:0 at step 7``.
        remedy: What to lower or raise.

    Raises:
        DeviceMemoryError: It does not fit.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_about_memory(error):
            raise
        raise DeviceMemoryError(f"out of memory: {doing}; {remedy}") from error


def _is_about_memory(error: RuntimeError) -> bool:
    # A processor's allocator has no error class of its own.
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
