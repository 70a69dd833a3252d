"""Access to the bytes of a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""Function from offset and size to bytes of a file; fewer bytes at its end."""
