"""Near-duplicate faces: the same image resized or compressed, or a neighbouring frame.

Two aligned faces are near-duplicates if their perceptual hashes differ in at most ``MAX_BITS`` of
64 **and** the pack's confidence that they show one person is at least ``MIN_CONFIDENCE``. The hash
alone would join two people in similar light. The embedding alone would join different photos of one
person, but training needs these photos.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Image, Matrix

MAX_BITS = 3
MIN_CONFIDENCE = 0.99
_BANDS = 4


def difference_hash(face: Image) -> int:
    """Return the 64-bit difference hash of an aligned face.

    A bit is set if a cell of the 8 x 9 reduction is brighter than its right neighbour.

    Args:
        face: (H, W, 3) uint8 RGB.

    Source:
        Krawetz 2013, "dHash".

    Example:
        >>> import numpy as np
        >>> ramp = np.repeat(np.arange(112, dtype=np.uint8)[None, :, None], 112, 0).repeat(3, 2)
        >>> difference_hash(ramp), difference_hash(ramp[:, ::-1]) == 2**64 - 1
        (0, True)
    """
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(face), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    bits = small[:, :-1] > small[:, 1:]
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big")


def near_duplicates(
    hashes: Sequence[int],
    embeddings: Matrix,
    confidence: Callable[[NDArray[np.floating]], NDArray[np.float64]],
) -> list[tuple[int, int]]:
    """Return every pair (i, j), i < j, of near-duplicates, sorted.

    Two hashes that differ in at most 3 bits agree in at least one of their four 16-bit bands, so
    only faces that share a band are compared.

    Args:
        hashes: ``difference_hash`` of N faces.
        embeddings: (N, D) of unit length.
        confidence: Calibration of the pack: (P,) cosines to (P,) probabilities.
    """
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, value in enumerate(hashes):
        for band in range(_BANDS):
            buckets[band, (value >> (16 * band)) & 0xFFFF].append(row)
    values = np.array(hashes, np.uint64)
    found: set[tuple[int, int]] = set()
    for rows in buckets.values():
        for position, row in enumerate(rows[:-1]):
            others = np.array(rows[position + 1 :])
            bits = np.bitwise_count(values[others] ^ values[row])
            found |= {(row, int(other)) for other in others[bits <= MAX_BITS]}
    pairs = sorted(found)
    if not pairs:
        return []
    left, right = np.array(pairs).T
    cosines = np.einsum(
        "nd,nd->n", embeddings[left].astype(np.float64), embeddings[right].astype(np.float64)
    )
    is_confident = confidence(cosines) >= MIN_CONFIDENCE
    return [pair for pair, confident in zip(pairs, is_confident, strict=True) if confident]
