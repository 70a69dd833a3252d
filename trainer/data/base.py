"""Interface of every training set, and the batch of a training step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Image
from vidsearch.errors import TrainingSetError, VidsearchError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.text.printable import quoted

if TYPE_CHECKING:
    from torch import Tensor


class BrokenFaceError(VidsearchError):
    """One face of a training set cannot be decoded; training skips it and counts it."""


class FaceDataset(Protocol):
    """Aligned faces with identities. Datasets are picklable: decoding processes get copies."""

    @property
    def name(self) -> str:
        """Name of the training set in results and packs."""
        ...

    @property
    def licence(self) -> str:
        """Permitted use of the faces; empty if not stated."""
        ...

    @property
    def identities(self) -> tuple[str, ...]:
        """Names of the classes; the position is the label."""
        ...

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, class of each face, in [0, number of identities)."""
        ...

    @property
    def template(self) -> AlignmentTemplate:
        """Alignment of the faces."""
        ...

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """(O,) int64 offsets of the groups of faces stored together, the end included.

        None if all faces are equally fast to read in any order.
        """
        ...

    def __len__(self) -> int: ...

    def aligned_face(self, index: int) -> Image:
        """Return a face, (S, S, 3) uint8 RGB, S the size of the template.

        Raises:
            BrokenFaceError: The face cannot be decoded, or has another size.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One rank's share of a global batch.

    Attributes:
        faces: (B, 3, S, S) uint8 RGB, augmented, not normalised.
        labels: (B,) int64.
        indices: (B,) int64, index of each face in the dataset.
        broken: Messages about faces that could not be decoded; other faces replaced them.
    """

    faces: Tensor
    labels: Tensor
    indices: Tensor
    broken: tuple[str, ...] = ()


def check_learnable(dataset: FaceDataset) -> None:
    """Check that a classifier can be trained on a dataset.

    Raises:
        TrainingSetError: The dataset has no faces, one class, a class without faces, labels out of
            range, or no class with two faces.
    """
    labels, classes = dataset.labels, len(dataset.identities)
    if not len(labels):
        raise TrainingSetError(
            f"training set {quoted(dataset.name)} holds no faces; check the path"
        )
    if labels.min() < 0 or labels.max() >= classes:
        bad = int(labels[(labels < 0) | (labels >= classes)][0])
        raise TrainingSetError(
            f"training set {quoted(dataset.name)}: label {bad} is outside 0..{classes - 1}, the "
            f"labels of its {classes} identities; make the set again with: vidsearch prepare"
        )
    if classes < 2:
        raise TrainingSetError(
            f"training set {quoted(dataset.name)} holds one identity "
            f"({quoted(dataset.identities[0])}); "
            "a classifier needs at least two: add photos of other people"
        )
    counts = np.bincount(labels, minlength=classes)
    if (counts == 0).any():
        name = dataset.identities[int(np.flatnonzero(counts == 0)[0])]
        raise TrainingSetError(
            f"training set {quoted(dataset.name)}: {int((counts == 0).sum())} identities have no "
            f"faces ({quoted(name)} is the first); remove their folders or add photos"
        )
    if counts.max() < 2:
        raise TrainingSetError(
            f"training set {quoted(dataset.name)} has one face per identity; training needs "
            "several photos of one person: add photos of the same people"
        )
