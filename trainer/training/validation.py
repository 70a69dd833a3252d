"""Verification accuracy during training, on people that are not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from trainer.backbones import Backbone
from trainer.data.base import BrokenFaceError, FaceDataset
from trainer.data.pair_faces import PairFaces
from trainer.distributed.ranks import Ranks, gather_rows
from vidsearch.errors import TrainingSetError
from vidsearch.evaluation.metrics.verification import FoldedAccuracy, folded_accuracy

_BATCH = 64
_FOLDS = 10
_NO_FACE = -1.0

Judged: TypeAlias = FaceDataset | PairFaces
"""What a network can be judged by: people that are not trained on, or a verification set."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of faces of one dataset.

    Attributes:
        left: (P,) int64 faces.
        right: (P,) int64 faces.
        issame: (P,) whether they show one person.
        folds: How many consecutive folds.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    issame: NDArray[np.bool_]
    folds: int = _FOLDS


def draw_pairs(dataset: FaceDataset, genuine: int, seed: int) -> Pairs:
    """Draw genuine and as many impostor pairs; people come up equally often, however many faces.

    Faces that cannot be decoded are left out.

    Args:
        dataset: People that are not trained on.
        genuine: How many genuine pairs; fewer where the set does not hold as many.
        seed: Decides which.

    Raises:
        TrainingSetError: Fewer than two people, or nobody with two faces.
    """
    rng = np.random.default_rng([11, seed])
    order = np.argsort(dataset.labels, kind="stable")
    _, starts = np.unique(dataset.labels[order], return_index=True)
    people = np.split(order, starts[1:])
    several = [faces for faces in people if len(faces) > 1]
    if len(people) < 2 or not several:
        raise TrainingSetError(
            f"validation set {dataset.name!r} needs two people and somebody with two faces; it has "
            f"{len(people)} and {len(several)} of them: hold out more (validation.held_out)"
        )
    possible = sum(len(faces) * (len(faces) - 1) // 2 for faces in several)
    chosen: dict[tuple[int, int], bool] = {}
    wanted = min(genuine, possible)
    while len(chosen) < wanted:
        faces = several[rng.integers(len(several))]
        a, b = sorted(int(face) for face in rng.choice(faces, 2, replace=False))
        chosen[a, b] = True
    # There are at least as many impostor pairs in all but tiny sets; a pair may come up twice.
    impostors = []
    for _ in range(wanted):
        one, other = rng.choice(len(people), 2, replace=False)
        impostors.append((int(rng.choice(people[one])), int(rng.choice(people[other]))))
    both = np.array([*chosen, *impostors], np.int64).reshape(-1, 2)
    issame = np.arange(len(both)) < wanted
    shuffled = rng.permutation(len(both))
    return Pairs(both[shuffled, 0], both[shuffled, 1], issame[shuffled])


def pairs_of(dataset: Judged, genuine: int, seed: int) -> Pairs:
    """Return the pairs that a verification set brings, or those drawn from people of a dataset.

    Raises:
        TrainingSetError: See :func:`draw_pairs`.
    """
    if isinstance(dataset, PairFaces):
        return Pairs(dataset.left, dataset.right, dataset.issame, dataset.folds)
    return draw_pairs(dataset, genuine, seed)


class Validation:
    """Pairs, their faces decoded once, and the accuracy of a network on them.

    Accuracy is that of ten folds, the threshold chosen on nine and applied to the tenth; an
    embedding is the sum of those of the face and of its mirror image. In a verification set a pair
    with a picture that is missing or shows no face is never accepted; elsewhere it is an error.

    Args:
        dataset: People that are not trained on.
        pairs: See :func:`draw_pairs`.
        ranks: Who we are; each rank embeds its share.
    """

    def __init__(self, dataset: Judged, pairs: Pairs, ranks: Ranks | None = None) -> None:
        self._ranks = ranks if ranks is not None else Ranks()
        faces, places = np.unique(np.concatenate([pairs.left, pairs.right]), return_inverse=True)
        self._left, self._right = np.split(places, 2)
        self._issame, self._folds = pairs.issame, pairs.folds
        self._sizes = [len(self._ranks.part(len(faces), r)) for r in range(self._ranks.world_size)]
        mine = [int(faces[i]) for i in self._ranks.part(len(faces))]
        side = dataset.template.size
        decoded = [self._decoded(dataset, face) for face in mine]
        self._there = torch.tensor([face is not None for face in decoded], dtype=torch.bool)
        nothing = np.zeros((side, side, 3), np.uint8)
        filled = [nothing if face is None else face for face in decoded]
        stacked = np.stack(filled) if filled else np.zeros((0, side, side, 3), np.uint8)
        self._planes = torch.from_numpy(np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)))

    def __len__(self) -> int:
        return len(self._issame)

    @staticmethod
    def _decoded(dataset: Judged, face: int) -> NDArray[np.uint8] | None:
        try:
            return dataset.aligned_face(face)
        except BrokenFaceError as error:
            if isinstance(dataset, PairFaces):
                return None
            raise TrainingSetError(f"validation: {error}; remove this face") from error

    def run(self, backbone: Backbone) -> FoldedAccuracy:
        """Return the accuracy; the network is left in the mode it was in."""
        similarities = self.similarities(backbone)
        return folded_accuracy(similarities, self._issame, folds=min(self._folds, len(self) // 2))

    def similarities(self, backbone: Backbone) -> NDArray[np.float64]:
        """Return the cosine of every pair: (P,); -1 where a face is missing."""
        was_training = backbone.training
        device = next(backbone.parameters()).device
        backbone.eval()
        parts = [torch.zeros(0, backbone.embedding_size, device=device)]
        with torch.no_grad():
            for start in range(0, len(self._planes), _BATCH):
                planes = backbone.normalise(self._planes[start : start + _BATCH].to(device))
                parts.append((backbone(planes) + backbone(planes.flip(3))).float())
            mine = torch.cat(parts) * self._there.to(device)[:, None]
            embeddings = gather_rows(mine, self._sizes, self._ranks)
            normal = functional.normalize(embeddings.double()).cpu().numpy()
        backbone.train(was_training)
        there = (normal != 0).any(axis=1)
        products = (normal[self._left] * normal[self._right]).sum(1)
        usable = there[self._left] & there[self._right]
        return np.where(usable, products, _NO_FACE)
