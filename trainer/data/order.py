"""Order of the faces in training: a function of seed and epoch, the same on every process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GROUPS_IN_WINDOW = 32
"""Groups whose faces are shuffled together; readers keep as many groups in memory."""

_ORDER, _AUGMENT, _REPLACE = 1, 2, 3


def epoch_order(
    count: int, seed: int, epoch: int, groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the order of one epoch: (count,) int64, each face once.

    Without groups the order is a uniform permutation. With groups, the groups are permuted, and
    faces are shuffled within windows of ``GROUPS_IN_WINDOW`` groups, so few groups are in use at a
    time.

    Args:
        count: Number of faces.
        seed: Seed of the run.
        epoch: From 0.
        groups: (O,) int64 offsets; see ``FaceDataset.groups``.
    """
    rng = np.random.default_rng([_ORDER, seed, epoch])
    if groups is None:
        return rng.permutation(count).astype(np.int64)
    shuffled = rng.permutation(len(groups) - 1)
    parts = []
    for start in range(0, len(shuffled), GROUPS_IN_WINDOW):
        window = np.concatenate(
            [
                np.arange(groups[g], groups[g + 1])
                for g in shuffled[start : start + GROUPS_IN_WINDOW]
            ]
        )
        parts.append(rng.permutation(window))
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


def face_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the generator of one face in one epoch, the same on every rank and worker."""
    return np.random.default_rng([_AUGMENT, seed, epoch, index])


def replacement(seed: int, epoch: int, index: int, attempt: int, count: int) -> int:
    """Return the index of the face that replaces a broken one.

    Args:
        seed: Seed of the run.
        epoch: From 0.
        index: The broken face.
        attempt: From 0; a replacement may be broken as well.
        count: Number of faces in the dataset.
    """
    return int(np.random.default_rng([_REPLACE, seed, epoch, index, attempt]).integers(count))


class GlobalOrder:
    """Endless sequence of faces, epoch after epoch, split into global batches.

    A batch may span epochs, so no face is left out at the end of an epoch, and a dataset may be
    smaller than a batch.

    Args:
        count: Number of faces.
        seed: Seed of the run.
        groups: (O,) int64 offsets; see ``FaceDataset.groups``.
    """

    def __init__(self, count: int, seed: int, groups: NDArray[np.int64] | None = None) -> None:
        self._count, self._seed, self._groups = count, seed, groups
        self._epoch = -1
        self._order = np.zeros(0, np.int64)

    def global_batch(self, step: int, size: int) -> list[tuple[int, int]]:
        """Return (epoch, index) of every face of a global batch.

        Args:
            step: Number of the update, from 0.
            size: Faces in a global batch.
        """
        keys: list[tuple[int, int]] = []
        for position in range(step * size, (step + 1) * size):
            epoch, offset = divmod(position, self._count)
            if epoch != self._epoch:
                self._epoch = epoch
                self._order = epoch_order(self._count, self._seed, epoch, self._groups)
            keys.append((epoch, int(self._order[offset])))
        return keys
