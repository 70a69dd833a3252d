"""Writer of ``.rec`` and ``.idx`` files, from the description of the format."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

MAGIC_BYTES = bytes([0x0A, 0x23, 0xD7, 0xCE])  # 0xced7230a, little-endian


def framed(data: bytes) -> bytes:
    """Return one record; data is split where it has the magic number at a multiple of four."""
    cuts = [i for i in range(0, len(data) // 4 * 4, 4) if data[i : i + 4] == MAGIC_BYTES]
    edges = [0, *list(cuts), len(data)]
    parts = []
    for number, end in enumerate(edges[1:]):
        start = edges[number] + (4 if number else 0)
        parts.append(data[start:end])
    out = b""
    for number, part in enumerate(parts):
        last = 3 if number == len(parts) - 1 else 2
        kind = 0 if len(parts) == 1 else last if number else 1
        out += MAGIC_BYTES + struct.pack("<I", kind << 29 | len(part))
        out += part + bytes(-len(part) % 4)
    return out


def image_record(label: float, key: int, image: bytes) -> bytes:
    """Return the data of an image record with its label in the header."""
    return struct.pack("<IfQQ", 0, label, key, 0) + image


def labelled_record(labels: Sequence[float], key: int, image: bytes = b"") -> bytes:
    """Return the data of a record whose labels follow the header."""
    head = struct.pack("<IfQQ", len(labels), 0.0, key, 0)
    return head + struct.pack(f"<{len(labels)}f", *labels) + image


def png(value: int, side: int = 112) -> bytes:
    """Return a face of one colour: red ``value``, green 10, blue 200."""
    face = np.full((side, side, 3), (200, 10, value), np.uint8)  # OpenCV writes BGR
    return bytes(cv2.imencode(".png", face)[1])


def write(folder: Path, payloads: dict[int, bytes]) -> Path:
    """Write ``train.rec`` and ``train.idx``; return the path of ``train.rec``."""
    folder.mkdir(parents=True, exist_ok=True)
    offset, lines, blob = 0, [], b""
    for key, payload in payloads.items():
        record = framed(payload)
        lines.append(f"{key}\t{offset}\n")
        blob += record
        offset += len(record)
    (folder / "train.rec").write_bytes(blob)
    (folder / "train.idx").write_text("".join(lines))
    return folder / "train.rec"


def insightface_set(folder: Path, counts: Sequence[int], side: int = 112) -> Path:
    """Write a set like InsightFace: record 0, the images, then one record for each identity."""
    images: dict[int, bytes] = {}
    ranges = []
    key = 1
    for label, count in enumerate(counts):
        ranges.append((key, key + count))
        for _ in range(count):
            images[key] = image_record(float(label), key, png(key, side))
            key += 1
    payloads = {0: labelled_record((float(key), float(key + len(counts))), 0), **images}
    for number, (start, end) in enumerate(ranges):
        payloads[key + number] = labelled_record((float(start), float(end)), key + number)
    return write(folder, payloads)
