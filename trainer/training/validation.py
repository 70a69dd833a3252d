"""Verification accuracy during training, on identities that are not in the training set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from trainer.backbones.base import Backbone
from trainer.data.base import BrokenFaceError, FaceDataset
from trainer.data.pair_faces import PairFaces
from trainer.distributed.ranks import Ranks, all_gather_rows
from vidsearch.errors import TrainingSetError
from vidsearch.evaluation.metrics.verification import FoldedAccuracy, folded_accuracy
from vidsearch.text.printable import quoted

_BATCH = 64
_FOLDS = 10
_NO_FACE = -1.0

ValidationSet: TypeAlias = FaceDataset | PairFaces
"""Identities that are not in the training set, or a verification set with its own pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of faces of one dataset.

    Attributes:
        left: (P,) int64, index of the first face in the dataset.
        right: (P,) int64, index of the second face.
        issame: (P,) bool, True for a genuine pair.
        folds: Number of consecutive folds.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    issame: NDArray[np.bool_]
    folds: int = _FOLDS


def draw_pairs(dataset: FaceDataset, genuine: int, seed: int) -> Pairs:
    """Draw genuine pairs, and as many impostor pairs.

    Identities are drawn uniformly, independent of their number of faces.

    Args:
        dataset: Identities that are not in the training set.
        genuine: Number of genuine pairs; fewer if the dataset has fewer.
        seed: Seed of the draw.

    Raises:
        TrainingSetError: There are fewer than two identities, or none has two faces.
    """
    rng = np.random.default_rng([11, seed])
    order = np.argsort(dataset.labels, kind="stable")
    _, starts = np.unique(dataset.labels[order], return_index=True)
    identities = np.split(order, starts[1:])
    with_pairs = [faces for faces in identities if len(faces) > 1]
    if len(identities) < 2 or not with_pairs:
        raise TrainingSetError(
            f"validation set {quoted(dataset.name)} needs two identities, and one with two "
            "faces; it has "
            f"{len(identities)} and {len(with_pairs)}: hold out more (validation.held_out)"
        )
    possible = sum(len(faces) * (len(faces) - 1) // 2 for faces in with_pairs)
    chosen: dict[tuple[int, int], bool] = {}
    count = min(genuine, possible)
    while len(chosen) < count:
        faces = with_pairs[rng.integers(len(with_pairs))]
        a, b = sorted(int(face) for face in rng.choice(faces, 2, replace=False))
        chosen[a, b] = True
    # All but tiny sets have enough impostor pairs; a pair may be drawn twice.
    impostors = []
    for _ in range(count):
        first, second = rng.choice(len(identities), 2, replace=False)
        impostors.append((int(rng.choice(identities[first])), int(rng.choice(identities[second]))))
    pairs = np.array([*chosen, *impostors], np.int64).reshape(-1, 2)
    issame = np.arange(len(pairs)) < count
    shuffled = rng.permutation(len(pairs))
    return Pairs(pairs[shuffled, 0], pairs[shuffled, 1], issame[shuffled])


def pairs_of(dataset: ValidationSet, genuine: int, seed: int) -> Pairs:
    """Return the pairs of a verification set, or pairs drawn from a dataset.

    Raises:
        TrainingSetError: See :func:`draw_pairs`.
    """
    if isinstance(dataset, PairFaces):
        return Pairs(dataset.left, dataset.right, dataset.issame, dataset.folds)
    return draw_pairs(dataset, genuine, seed)


class Validation:
    """Verification accuracy of a network on pairs whose faces are decoded once.

    The accuracy is the mean over ten folds: the threshold is chosen on nine folds and applied to
    the tenth. An embedding is the sum of the embeddings of a face and of its mirror image. In a
    verification set, a pair with a missing face is never accepted; elsewhere it is an error.

    Args:
        dataset: The faces.
        pairs: Pairs of ``dataset``.
        ranks: This process and the number of processes; each rank embeds its share of the faces.

    Raises:
        TrainingSetError: A face of a training set cannot be decoded.
    """

    def __init__(self, dataset: ValidationSet, pairs: Pairs, ranks: Ranks | None = None) -> None:
        self._ranks = ranks if ranks is not None else Ranks()
        faces, inverse = np.unique(np.concatenate([pairs.left, pairs.right]), return_inverse=True)
        self._left, self._right = np.split(inverse, 2)
        self._issame, self._folds = pairs.issame, pairs.folds
        self._sizes = [len(self._ranks.part(len(faces), r)) for r in range(self._ranks.world_size)]
        side = dataset.template.size
        decoded = [self._decoded(dataset, int(faces[i])) for i in self._ranks.part(len(faces))]
        self._present = torch.tensor([face is not None for face in decoded], dtype=torch.bool)
        black = np.zeros((side, side, 3), np.uint8)
        filled = [black if face is None else face for face in decoded]
        stacked = np.stack(filled) if filled else np.zeros((0, side, side, 3), np.uint8)
        self._planes = torch.from_numpy(np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)))

    def __len__(self) -> int:
        return len(self._issame)

    @staticmethod
    def _decoded(dataset: ValidationSet, face: int) -> NDArray[np.uint8] | None:
        try:
            return dataset.aligned_face(face)
        except BrokenFaceError as error:
            if isinstance(dataset, PairFaces):
                return None
            raise TrainingSetError(f"validation: {error}; remove this face") from error

    def run(self, backbone: Backbone) -> FoldedAccuracy:
        """Return the accuracy; the mode of the network (training, evaluation) is restored."""
        similarities = self.similarities(backbone)
        return folded_accuracy(similarities, self._issame, folds=min(self._folds, len(self) // 2))

    def similarities(self, backbone: Backbone) -> NDArray[np.float64]:
        """Return the cosine similarity of every pair, (P,); -1 for a pair with a missing face."""
        was_training = backbone.training
        device = next(backbone.parameters()).device
        backbone.eval()
        parts = [torch.zeros(0, backbone.embedding_size, device=device)]
        with torch.no_grad():
            for start in range(0, len(self._planes), _BATCH):
                planes = backbone.normalise(self._planes[start : start + _BATCH].to(device))
                parts.append((backbone(planes) + backbone(planes.flip(3))).float())
            share = torch.cat(parts) * self._present.to(device)[:, None]
            embeddings = all_gather_rows(share, self._sizes, self._ranks)
            unit = functional.normalize(embeddings.double()).cpu().numpy()
        backbone.train(was_training)
        present = (unit != 0).any(axis=1)
        cosines = (unit[self._left] * unit[self._right]).sum(1)
        return np.where(present[self._left] & present[self._right], cosines, _NO_FACE)
