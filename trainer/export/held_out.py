"""Held-out faces: accuracy and calibration of an exported network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.base import BrokenFaceError
from vidsearch.datatypes import AlignedFaces
from vidsearch.device import CPU
from vidsearch.errors import ExportError
from vidsearch.evaluation.metrics.reliability import expected_calibration_error
from vidsearch.evaluation.metrics.verification import folded_accuracy
from vidsearch.faces.embed.base import EmbedderConfig
from vidsearch.faces.embed.onnx import OnnxEmbedder
from vidsearch.faces.template import normalise
from vidsearch.models.calibration import Calibration, fit_calibration

if TYPE_CHECKING:
    from trainer.training.validation import ValidationSet

_FOLDS = 10
_FEWEST_PAIRS = 20
"""Fewest genuine pairs, and impostor pairs, of a half on which a calibration is checked."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutPairs:
    """Held-out faces and their pairs.

    Attributes:
        faces: (N, S, S, 3) uint8 RGB.
        people: (N,) identity of each face.
        left: (P,) index of the first face of each pair.
        right: (P,) index of the second face.
        issame: (P,) True for a genuine pair.
    """

    faces: AlignedFaces
    people: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    issame: NDArray[np.bool_]


def decode_pairs(dataset: ValidationSet, pairs: int) -> HeldOutPairs:
    """Decode the faces of the pairs of a validation set.

    Pairs of a verification set with a missing face are left out.

    Args:
        dataset: The validation set of the run, or other identities.
        pairs: Genuine pairs to draw; a verification set states its own.

    Raises:
        ExportError: A face of a training set cannot be decoded.
    """
    from trainer.data.pair_faces import PairFaces
    from trainer.training.validation import pairs_of

    drawn = pairs_of(dataset, pairs, seed=0)
    faces: dict[int, Any] = {}
    for index in np.unique(np.concatenate([drawn.left, drawn.right])).tolist():
        try:
            faces[index] = dataset.aligned_face(index)
        except BrokenFaceError as error:
            if not isinstance(dataset, PairFaces):
                raise ExportError(f"held-out set: {error}; remove this face") from error
    rows = np.array(sorted(faces), np.int64)
    complete = np.isin(drawn.left, rows) & np.isin(drawn.right, rows)
    left, right = (np.searchsorted(rows, side[complete]) for side in (drawn.left, drawn.right))
    return HeldOutPairs(
        np.stack([faces[i] for i in rows.tolist()]),
        dataset.labels[rows],
        left.astype(np.int64),
        right.astype(np.int64),
        drawn.issame[complete],
    )


def similarities_of(
    path: Path, config: EmbedderConfig, measured: HeldOutPairs
) -> NDArray[np.float64]:
    """Return the cosine similarity of every pair, (P,) float64.

    Args:
        path: ONNX file.
        config: Configuration of the embedder.
        measured: Faces and pairs.
    """
    unit = normalise(OnnxEmbedder(path, config, CPU).embed(measured.faces)).astype(np.float64)
    return np.asarray((unit[measured.left] * unit[measured.right]).sum(axis=1), np.float64)


def accuracy_of(similarities: NDArray[np.float64], issame: NDArray[np.bool_]) -> float:
    """Return the mean verification accuracy over folds.

    Args:
        similarities: (P,) cosine similarities.
        issame: (P,) True for a genuine pair.
    """
    return folded_accuracy(similarities, issame, folds=min(_FOLDS, len(issame) // 2)).mean


def calibrate(similarities: NDArray[np.float64], measured: HeldOutPairs, name: str) -> Calibration:
    """Fit the calibration on all pairs; check a fit on half of the identities on the other half.

    Args:
        similarities: (P,) cosine similarities.
        measured: Faces and pairs.
        name: Name of the validation set.
    """
    fitted_on = f"held-out people of {name}"
    calibration = fit_calibration(similarities, measured.issame, fitted_on=fitted_on, balance=True)
    half = np.random.default_rng(0).random(int(measured.people.max()) + 1) < 0.5
    sides = half[measured.people[measured.left]], half[measured.people[measured.right]]
    first_half, second_half = sides[0] & sides[1], ~sides[0] & ~sides[1]
    for part in (first_half, second_half):
        genuine = measured.issame[part].sum()
        if not _FEWEST_PAIRS <= genuine <= part.sum() - _FEWEST_PAIRS:
            return calibration
    half_calibration = fit_calibration(
        similarities[first_half], measured.issame[first_half], fitted_on=fitted_on, balance=True
    )
    error = expected_calibration_error(
        half_calibration.confidence(
            similarities[second_half], prior=float(measured.issame[second_half].mean())
        ),
        measured.issame[second_half],
    )
    return replace(
        calibration,
        checked_on="a fit on half of these people, on the other half "
        f"({int(second_half.sum())} pairs)",
        expected_calibration_error=error,
    )
