"""Losses in coded streams without a container: long runs of zeros."""

from __future__ import annotations

from typing import Final

from vidsearch.video.losses.watch import ByteWatch

# Start codes need three zeros, and encoders fill up with other bytes.
_ZEROS: Final = bytes(1024)


class CodedWatch(ByteWatch):
    """Looks for zeros that no encoder writes."""

    def _reset(self) -> None:
        self._lost = False

    def _look(self, begin: int, content: bytes) -> int:
        offset = 0
        while (found := content.find(_ZEROS, offset)) >= 0:
            if not self._lost or found > offset:
                self.log.add(begin + found)
            self._lost, offset = True, found + len(_ZEROS)
        # Fewer zeros at the end may continue.
        rest = len(content) - max(offset, len(content) - len(_ZEROS) + 1)
        self._lost &= not any(content[offset:])
        return len(content) - rest
