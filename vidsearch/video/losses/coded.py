"""Losses in coded streams without a container: long runs of zeros."""

from __future__ import annotations

from typing import Final

from vidsearch.video.losses.watch import ByteWatch

# Start codes need three zeros, and encoders fill up with other bytes.
_ZEROS: Final = bytes(1024)


class CodedWatch(ByteWatch):
    """Looks for zeros that no encoder writes.

    Args:
        end: Bytes after which zeros are padding; empty without such bytes.
    """

    def __init__(self, end: bytes = b"") -> None:
        super().__init__()
        self._end_mark = end
        self._reset()

    def _reset(self) -> None:
        self._lost = False

    def _look(self, begin: int, content: bytes) -> int:
        offset = 0
        while (found := content.find(_ZEROS, offset)) >= 0:
            padding = self._end_mark and content.endswith(self._end_mark, 0, found)
            if not padding and (not self._lost or found > offset):
                self.log.add(begin + found)
            self._lost, offset = True, found + len(_ZEROS)
        # Fewer zeros at the end may continue.
        tail = len(_ZEROS) - 1 + len(self._end_mark)
        rest = len(content) - max(offset, len(content) - tail)
        self._lost &= not any(content[offset:])
        return len(content) - rest
