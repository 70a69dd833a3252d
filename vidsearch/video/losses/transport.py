"""Losses in transport streams: bytes outside packets, and jumps of the continuity counter.

Source:
    ISO/IEC 13818-1, sections 2.4.3.2 to 2.4.3.5.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vidsearch.video.losses.watch import ByteWatch
from vidsearch.video.promises.stream_ends import TS_SYNC

_Packets = NDArray[np.uint8]
# Sync bytes at the distance of packets that prove the start of a packet.
_PROVEN: Final = 5
_ERROR, _STARTS_UNIT, _PAYLOAD, _ADAPTATION = 0x80, 0x40, 0x10, 0x20
_DISCONTINUITY, _RANDOM_ACCESS = 0x80, 0x40


class TransportWatch(ByteWatch):
    """Watches the packets of one elementary stream.

    A counter may stand still in a repeated packet and in a packet without payload, and may jump
    where the stream says so. Counters also restart where recordings were joined: there the tables
    come first, and then a picture at which decoding can begin.

    Args:
        packet_bytes: Distance of the packets.
        before: Bytes of a packet before its sync byte.
        pid: Packet identifier of the film.
    """

    def __init__(self, packet_bytes: int, before: int, pid: int) -> None:
        super().__init__()
        self._size = packet_bytes
        self._before = before
        self._pid = pid
        self._reset()

    def _reset(self) -> None:
        self._synced = self._lost = self._tables = self._announced = False
        self._counter: int | None = None

    def _look(self, begin: int, content: bytes) -> int:
        offset = 0
        while True:
            if not self._synced:
                start = self._first_packet(content, offset)
                if start is None:
                    return max(offset, len(content) - self._size * _PROVEN)
                offset, self._synced = start, True
                if self._lost:
                    self.log.add(begin + offset)
                    self._lost, self._counter = False, None
            count = (len(content) - offset) // self._size
            packets = np.frombuffer(content, np.uint8, count * self._size, offset)
            packets = packets.reshape(count, self._size)[:, self._before :]
            wrong = np.flatnonzero(packets[:, 0] != TS_SYNC)
            good = int(wrong[0]) if len(wrong) else count
            self._check(packets[:good], begin + offset)
            offset += good * self._size
            if not len(wrong):
                return offset
            self._synced, self._lost = False, True

    def _first_packet(self, content: bytes, offset: int) -> int | None:
        length = len(content) - offset - self._before - self._size * (_PROVEN - 1)
        if length <= 0:
            return None
        is_sync = np.frombuffer(content, np.uint8, offset=offset + self._before) == TS_SYNC
        proven = is_sync[:length].copy()
        for number in range(1, _PROVEN):
            proven &= is_sync[number * self._size :][:length]
        start = int(proven.argmax())
        return offset + start if proven[start] else None

    def _check(self, packets: _Packets, begin: int) -> None:
        """Compare the counters of the film's packets."""
        pids = (packets[:, 1] & 0x1F).astype(np.uint16) << 8 | packets[:, 2]
        tables = np.flatnonzero((pids == 0) & (packets[:, 1] & _STARTS_UNIT != 0))
        rows = np.flatnonzero(pids == self._pid)
        film = packets[rows]
        adapted = (film[:, 3] & _ADAPTATION != 0) & (film[:, 4] > 0)
        marks = np.where(adapted, film[:, 5], 0)
        paid = np.flatnonzero(film[:, 3] & _PAYLOAD)
        announced = np.cumsum(marks & _DISCONTINUITY != 0)
        tables_before, announced_before = np.searchsorted(tables, rows[paid]), announced[paid]
        if len(paid):
            counters = film[paid, 3].astype(np.int16) & 15
            first = counters[0] if self._counter is None else self._counter
            jumps = np.diff(counters, prepend=first) % 16 > 1
            jumps &= ~_rises(announced_before, self._announced)
            starts = (film[paid, 1] & _STARTS_UNIT != 0) & (marks[paid] & _RANDOM_ACCESS != 0)
            jumps &= ~(starts & _rises(tables_before, self._tables))
            for row in rows[paid[jumps | (film[paid, 1] & _ERROR != 0)]]:
                self.log.add(begin + int(row) * self._size)
            self._counter = int(counters[-1])
            self._tables = self._announced = False
        self._tables |= len(tables) > (tables_before[-1] if len(paid) else 0)
        self._announced |= bool(len(rows)) and announced[-1] > (
            announced_before[-1] if len(paid) else 0
        )


def _rises(counts: NDArray[np.int64], earlier: bool) -> NDArray[np.bool_]:
    """Return True where a count is higher than before; ``earlier``: before the first one too."""
    return np.diff(counts, prepend=-1 if earlier else 0) > 0
