"""What every training set promises, and what a step of training is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Image
from vidsearch.errors import TrainingSetError, VidsearchError
from vidsearch.faces.geometry.align import AlignmentTemplate

if TYPE_CHECKING:
    from torch import Tensor


class BrokenFaceError(VidsearchError):
    """One face of a training set cannot be decoded; the message names it. Not fatal by itself."""


class FaceDataset(Protocol):
    """Aligned faces with identities. Picklable: worker processes get copies.

    Attributes:
        name: What results and packs call it.
        licence: What its faces may be used for; empty where it does not say.
        identities: Name of class j; classes are found in the data, never typed.
        labels: (N,) int64, each in [0, number of identities).
        template: How its faces are aligned.
        groups: (G + 1,) int64 offsets of runs of faces that are stored together and cheap to read
            together; None where any face is as near as any other.
    """

    @property
    def name(self) -> str: ...

    @property
    def licence(self) -> str: ...

    @property
    def identities(self) -> tuple[str, ...]: ...

    @property
    def labels(self) -> NDArray[np.int64]: ...

    @property
    def template(self) -> AlignmentTemplate: ...

    @property
    def groups(self) -> NDArray[np.int64] | None: ...

    def __len__(self) -> int: ...

    def aligned_face(self, index: int) -> Image:
        """Return (S, S, 3) uint8 RGB with S the template's size.

        Raises:
            BrokenFaceError: This one cannot be decoded, or has another size.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One rank's share of a global batch.

    Attributes:
        faces: (B, 3, S, S) uint8 RGB, augmented, not normalised.
        labels: (B,) int64.
        indices: (B,) int64, where they stand in the dataset.
        broken: Messages about faces of this batch that could not be decoded; others took their
            places.
    """

    faces: Tensor
    labels: Tensor
    indices: Tensor
    broken: tuple[str, ...] = ()


def check_learnable(dataset: FaceDataset) -> None:
    """Raise unless there is something to learn from.

    Raises:
        TrainingSetError: No faces, one class, a class without faces, labels out of range, or only
            one face a class: nothing says what two photos of one person have in common.
    """
    labels, classes = dataset.labels, len(dataset.identities)
    if not len(labels):
        raise TrainingSetError(f"training set {dataset.name!r} holds no faces; check the path")
    if labels.min() < 0 or labels.max() >= classes:
        bad = int(labels[(labels < 0) | (labels >= classes)][0])
        raise TrainingSetError(
            f"training set {dataset.name!r}: label {bad} is outside 0..{classes - 1}, the "
            f"{classes} identities that it states; make it again with: vidsearch prepare"
        )
    if classes < 2:
        raise TrainingSetError(
            f"training set {dataset.name!r} holds one identity ({dataset.identities[0]!r}); "
            "a classifier needs at least two: add photos of other people"
        )
    counts = np.bincount(labels, minlength=classes)
    if (counts == 0).any():
        name = dataset.identities[int(np.flatnonzero(counts == 0)[0])]
        raise TrainingSetError(
            f"training set {dataset.name!r}: {int((counts == 0).sum())} identities have no faces "
            f"({name!r} is the first); remove their folders or add photos"
        )
    if counts.max() < 2:
        raise TrainingSetError(
            f"training set {dataset.name!r} has one face an identity, which says nothing about "
            "what two photos of one person have in common; add photos of the same people"
        )
