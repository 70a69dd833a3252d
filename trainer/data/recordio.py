"""Reader of MXNet's RecordIO format, without MXNet.

A record starts at a multiple of four with two little-endian 32-bit words. The first is the magic
number. The upper 3 bits of the second state the part (0 whole, 1 first, 2 middle, 3 last), and the
lower 29 bits the length of the data that follows, padded with zeros to a multiple of four. Data
that contains the magic number at a multiple of four is split there. The reader joins the parts
with the magic number between them.

The data of an image record starts with a header of 24 bytes: flag (uint32), label (float32), id
and id2 (uint64). A flag other than 0 is the number of float32 labels that follow and replace
``label``.

Source: the format of dmlc-core's RecordIO and of MXNet's IRHeader.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import TrainingSetError

MAGIC = 0xCED7230A
_WORDS = struct.Struct("<II")
_HEADER = struct.Struct("<IfQQ")
_MAGIC_BYTES = struct.pack("<I", MAGIC)
_MAX_LABELS = 1024
_MAX_PARTS = 1 << 16
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


class CorruptRecordError(TrainingSetError):
    """A record violates the format; the message names its offset."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """An unpacked image record.

    Attributes:
        labels: (L,) float32, at least one.
        flagged: True if the labels follow the header, as in InsightFace's records of ranges.
        data: Encoded image; empty for a record of a range.
    """

    labels: NDArray[np.float32]
    flagged: bool
    data: bytes


class RecordFile:
    """Random access to a ``.rec`` file; picklable and thread-safe.

    Args:
        path: The file.

    Raises:
        TrainingSetError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open()

    def _open(self) -> None:
        try:
            self._descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise TrainingSetError(
                f"{self.path} cannot be read ({error.strerror}); check the path"
            ) from error
        self.size = os.fstat(self._descriptor).st_size

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.path = state["path"]
        self._open()

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.close()

    def read(self, offset: int) -> Record:
        """Return the record that starts at an offset.

        Raises:
            CorruptRecordError: There is no complete record at the offset.
        """
        return self._unpacked(self._data(offset), offset)

    def _data(self, offset: int) -> bytes:
        parts: list[bytes] = []
        position = offset
        while True:
            magic, word = _WORDS.unpack(self._bytes(position, _WORDS.size, offset))
            if magic != MAGIC:
                raise self._corrupt(offset, f"magic number {magic:#010x}, not {MAGIC:#010x}")
            part, length = word >> 29, word & 0x1FFFFFFF
            expected = (_MIDDLE, _LAST) if parts else (_WHOLE, _FIRST)
            if part not in expected or len(parts) >= _MAX_PARTS:
                raise self._corrupt(offset, f"part of kind {part} after {len(parts)} parts")
            parts.append(self._bytes(position + _WORDS.size, length, offset))
            if part in (_WHOLE, _LAST):
                return _MAGIC_BYTES.join(parts)
            position += _WORDS.size + (length + 3) // 4 * 4

    def _bytes(self, position: int, length: int, record: int) -> bytes:
        if position < 0 or position + length > self.size:
            raise self._corrupt(record, f"the record ends beyond the file's {self.size} bytes")
        content = _read_at(self._descriptor, length, position)
        if len(content) != length:
            raise self._corrupt(record, f"{len(content)} of {length} bytes could be read")
        return content

    def _unpacked(self, data: bytes, offset: int) -> Record:
        if len(data) < _HEADER.size:
            raise self._corrupt(offset, f"{len(data)} bytes are not an image record")
        flag, label, _, _ = _HEADER.unpack_from(data)
        if not flag:
            return Record(np.array([label], np.float32), False, data[_HEADER.size :])
        end = _HEADER.size + 4 * flag
        if flag > _MAX_LABELS or end > len(data):
            raise self._corrupt(offset, f"{flag} labels do not fit into {len(data)} bytes")
        labels = np.frombuffer(data, "<f4", flag, _HEADER.size).astype(np.float32)
        return Record(labels, True, data[end:])

    def _corrupt(self, offset: int, reason: str) -> CorruptRecordError:
        return CorruptRecordError(
            f"{self.path}: the record at byte {offset} is corrupt ({reason}); copy or download "
            "the file again, and its .idx with it"
        )


def read_index(path: Path) -> dict[int, int]:
    """Return the offset of every key of a ``.idx`` file.

    Raises:
        TrainingSetError: The file is missing or empty, or a line is not two whole numbers.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise TrainingSetError(
            f"{path} cannot be read ({error.strerror}); an InsightFace set is a pair of files, "
            "NAME.rec and NAME.idx, in one folder"
        ) from error
    offsets: dict[int, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        words = line.split()
        # Offsets of 19 digits or more are beyond any file.
        if len(words) != 2 or not all(word.isdigit() and len(word) < 19 for word in words):
            raise TrainingSetError(
                f"{path}: line {number} must be two whole numbers; got {line[:40]!r}; copy or "
                "download the file again"
            )
        offsets[int(words[0])] = int(words[1])
    if not offsets:
        raise TrainingSetError(f"{path} is empty; copy or download it again, with its .rec file")
    return offsets


if sys.platform == "win32":
    _POSITION_LOCK = threading.Lock()

    def _read_at(descriptor: int, length: int, position: int) -> bytes:
        with _POSITION_LOCK:
            os.lseek(descriptor, position, os.SEEK_SET)
            return os.read(descriptor, length)

else:

    def _read_at(descriptor: int, length: int, position: int) -> bytes:
        return os.pread(descriptor, length, position)
