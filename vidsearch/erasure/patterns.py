"""Search of bytes for many patterns at once, and excerpts of vectors and pictures as patterns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import numpy as np

EXCERPT_BYTES = 32
_PREFIX_BYTES = 8
_FEW = 64
_TABLE_BITS = 20
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads the bits of a prefix
_FEWEST_VALUES = 6


def excerpt(content: bytes) -> bytes | None:
    """Return the middle of a vector or picture; None if it is too plain to be recognised."""
    start = max(len(content) // 2 - EXCERPT_BYTES // 2, 0) // 4 * 4
    part = content[start : start + EXCERPT_BYTES]
    return part if len(set(part)) >= _FEWEST_VALUES else None


class Patterns:
    """Patterns to search bytes for. The time hardly grows with their number.

    Args:
        patterns: Bytes to find; empty ones are left out.

    Example:
        >>> patterns = Patterns([b"erased", b"gone for good"])
        >>> patterns.found_in(b"it is gone for good."), patterns.found_in(b"it stays")
        (True, False)
    """

    def __init__(self, patterns: Collection[bytes]) -> None:
        distinct = {pattern for pattern in patterns if pattern}
        many = len(distinct) > _FEW
        self._single = [p for p in distinct if not many or len(p) < _PREFIX_BYTES]
        self._by_prefix: dict[bytes, list[bytes]] = defaultdict(list)
        for pattern in distinct.difference(self._single):
            self._by_prefix[pattern[:_PREFIX_BYTES]].append(pattern)
        self._table = np.zeros(1 << _TABLE_BITS, np.bool_)
        prefixes = np.frombuffer(b"".join(self._by_prefix), "<u8")
        self._table[_slots(prefixes)] = True

    def found_in(self, content: bytes) -> bool:
        """Return True if the content contains a pattern."""
        if any(pattern in content for pattern in self._single):
            return True
        for offset in range(_PREFIX_BYTES if self._by_prefix else 0):
            count = (len(content) - offset) // _PREFIX_BYTES
            if count <= 0:
                break
            words = np.frombuffer(content, "<u8", count, offset)
            for row in np.flatnonzero(self._table[_slots(words)]).tolist():
                start = offset + row * _PREFIX_BYTES
                candidates = self._by_prefix.get(content[start : start + _PREFIX_BYTES], ())
                if any(content.startswith(pattern, start) for pattern in candidates):
                    return True
        return False


def _slots(words: np.typing.NDArray[np.uint64]) -> np.typing.NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return (words * _FACTOR) >> np.uint64(64 - _TABLE_BITS)
