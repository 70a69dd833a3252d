"""A part of a training set: some of its identities, numbered anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.data.base import FaceDataset
from vidsearch.datatypes import Image
from vidsearch.errors import TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate


class IdentitySubset:
    """Those faces of a dataset whose identity is among the chosen; see ``FaceDataset``.

    Args:
        dataset: The whole.
        chosen: Numbers of the identities to keep.
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
        return self._dataset.name

    @property
    def licence(self) -> str:
        return self._dataset.licence

    @property
    def template(self) -> AlignmentTemplate:
        return self._dataset.template

    @property
    def groups(self) -> NDArray[np.int64] | None:
        if self._dataset.groups is None:
            return None
        return np.searchsorted(self._rows, self._dataset.groups).astype(np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def aligned_face(self, index: int) -> Image:
        return self._dataset.aligned_face(int(self._rows[index]))


def split_identities(
    dataset: FaceDataset, held_out: float, seed: int
) -> tuple[IdentitySubset, IdentitySubset]:
    """Return the identities to train on and those held out: no person is in both.

    Args:
        dataset: The whole.
        held_out: Share of the identities, in (0, 1).
        seed: Decides which.

    Raises:
        TrainingSetError: Too few identities for two parts with two each.
    """
    count = len(dataset.identities)
    kept_out = max(2, round(count * held_out))
    if count - kept_out < 2:
        raise TrainingSetError(
            f"training set {dataset.name!r} has {count} identities, too few to hold {kept_out} "
            "out; lower validation.held_out or add people"
        )
    order = np.random.default_rng([7, seed]).permutation(count).astype(np.int64)
    return IdentitySubset(dataset, order[kept_out:]), IdentitySubset(dataset, order[:kept_out])
