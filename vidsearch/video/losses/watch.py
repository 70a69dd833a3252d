"""Watches of the bytes that pass by while a file is decoded from its start to its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right


class LossLog:
    """Offsets in a file before which bytes were lost, each once."""

    def __init__(self) -> None:
        self._offsets: list[int] = []

    def add(self, offset: int) -> None:
        """Note a loss; the same place may be read again."""
        index = bisect_left(self._offsets, offset)
        if index == len(self._offsets) or self._offsets[index] != offset:
            self._offsets.insert(index, offset)

    def until(self, offset: int) -> int:
        """Return the number of losses up to an offset."""
        return bisect_right(self._offsets, offset)


class ByteWatch(ABC):
    """Finds losses in consecutive bytes of a file.

    A read elsewhere in the file is no loss: the structure is looked for anew.

    Attributes:
        log: Losses found so far.
    """

    def __init__(self) -> None:
        self.log = LossLog()
        self._rest = b""
        self._end = -1

    def passed(self, offset: int, content: bytes) -> None:
        """Look at the bytes that a decoder read.

        Args:
            offset: Offset of the first byte.
            content: The bytes.
        """
        if offset != self._end:
            self._rest = b""
            self._reset()
        self._end = offset + len(content)
        begin = offset - len(self._rest)
        content = self._rest + content
        finished = min(self._look(begin, content), len(content))
        self._rest = content[finished:]

    @abstractmethod
    def _reset(self) -> None:
        """Forget the structure: the next bytes lie elsewhere."""

    @abstractmethod
    def _look(self, begin: int, content: bytes) -> int:
        """Look at bytes and return the number that need not be seen again.

        Args:
            begin: Offset of the first byte in the file.
            content: Bytes that were not used before, and the bytes that follow them.
        """
