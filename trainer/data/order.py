"""Which face comes when: a function of seed and epoch alone, whoever asks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Stored runs of faces that are mixed with each other; what bounds a reader's memory.
GROUPS_IN_WINDOW = 32

_ORDER, _AUGMENT, _REPLACE = 1, 2, 3


def epoch_order(
    count: int, seed: int, epoch: int, groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the order of one epoch: (count,) int64, each face once.

    Without groups it is a uniform permutation. With groups, the groups are permuted and faces are
    mixed within windows of ``GROUPS_IN_WINDOW`` of them, so that few are open at a time.

    Args:
        count: Faces.
        seed: Of the run.
        epoch: From 0.
        groups: (G + 1,) offsets; see ``FaceDataset.groups``.
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
    """Return the randomness of one face in one epoch, the same on every rank and worker."""
    return np.random.default_rng([_AUGMENT, seed, epoch, index])


def replacement(seed: int, epoch: int, index: int, attempt: int, count: int) -> int:
    """Return which face takes the place of a broken one."""
    return int(np.random.default_rng([_REPLACE, seed, epoch, index, attempt]).integers(count))


class GlobalOrder:
    """The endless run of faces: epoch after epoch, cut into global batches wherever they fall.

    No face is left out at an epoch's end: a batch may hold the end of one epoch and the beginning
    of the next, which also serves sets smaller than a batch.
    """

    def __init__(self, count: int, seed: int, groups: NDArray[np.int64] | None = None) -> None:
        self._count, self._seed, self._groups = count, seed, groups
        self._epoch = -1
        self._order = np.zeros(0, np.int64)

    def global_batch(self, step: int, size: int) -> list[tuple[int, int]]:
        """Return (epoch, index) of every face of a global batch."""
        keys: list[tuple[int, int]] = []
        for position in range(step * size, (step + 1) * size):
            epoch, place = divmod(position, self._count)
            if epoch != self._epoch:
                self._epoch = epoch
                self._order = epoch_order(self._count, self._seed, epoch, self._groups)
            keys.append((epoch, int(self._order[place])))
        return keys
