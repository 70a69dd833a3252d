"""Subset of a training set by identity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.data.base import FaceDataset
from vidsearch.datatypes import Image
from vidsearch.errors import TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.text.printable import quoted


class IdentitySubset:
    """Faces of some identities of a dataset, with new labels; see ``FaceDataset``.

    Args:
        dataset: The complete dataset.
        chosen: (I,) int64, labels of the identities in the subset.
    """

    def __init__(self, dataset: FaceDataset, chosen: NDArray[np.int64]) -> None:
        self._dataset = dataset
        chosen = np.unique(chosen)
        new_number = np.full(len(dataset.identities), -1, np.int64)
        new_number[chosen] = np.arange(len(chosen))
        self._rows = np.flatnonzero(new_number[dataset.labels] >= 0)
        self.labels: NDArray[np.int64] = new_number[dataset.labels[self._rows]]
        self.identities = tuple(dataset.identities[j] for j in chosen)

    @property
    def name(self) -> str:
        """Name of the complete dataset."""
        return self._dataset.name

    @property
    def licence(self) -> str:
        """Permitted use of the faces."""
        return self._dataset.licence

    @property
    def template(self) -> AlignmentTemplate:
        """Alignment of the faces."""
        return self._dataset.template

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """(O,) int64 offsets of the groups of faces stored together; see ``FaceDataset.groups``."""
        if self._dataset.groups is None:
            return None
        return np.searchsorted(self._rows, self._dataset.groups).astype(np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def aligned_face(self, index: int) -> Image:
        """Return a face, (S, S, 3) uint8 RGB; see ``FaceDataset.aligned_face``."""
        return self._dataset.aligned_face(int(self._rows[index]))


def split_identities(
    dataset: FaceDataset, held_out: float, seed: int
) -> tuple[IdentitySubset, IdentitySubset]:
    """Split a dataset into identities for training and held-out identities.

    Args:
        dataset: The complete dataset.
        held_out: Share of the identities, in (0, 1).
        seed: Seed of the split.

    Returns:
        The training part and the held-out part.

    Raises:
        TrainingSetError: There are too few identities for two parts of two.
    """
    count = len(dataset.identities)
    left_out = max(2, round(count * held_out))
    if count - left_out < 2:
        raise TrainingSetError(
            f"training set {quoted(dataset.name)} has {count} identities, too few to hold "
            f"{left_out} out; lower validation.held_out or add people"
        )
    order = np.random.default_rng([7, seed]).permutation(count).astype(np.int64)
    return IdentitySubset(dataset, order[left_out:]), IdentitySubset(dataset, order[:left_out])
