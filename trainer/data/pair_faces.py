"""Faces of a verification set: LFW-style pairs of photos, or a ``.bin`` file."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.data.base import BrokenFaceError
from vidsearch.datatypes import Image
from vidsearch.device import CPU
from vidsearch.errors import PhotoError, TrainingSetError
from vidsearch.evaluation.protocols.pairs import PairSet, read_bin, read_lfw_pairs
from vidsearch.evaluation.protocols.photos import central_face, from_arcface
from vidsearch.faces.detect.base import Detector
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.photo.open import read_photo

_LOG = logging.getLogger(__name__)

PhotoKind = Literal["detect", "aligned"]
"""Photos in which a face is detected, or faces aligned to ArcFace's template."""


class PairFaces:
    """Faces of a verification set, aligned on access.

    The detector of the ``open`` pack finds the faces of a photo. The face nearest to the centre
    is used, as in ``vidsearch evaluate verification``.

    Args:
        pairs: The verification set.
        template: Alignment that the network needs.
        photos: ``detect``, or ``aligned`` for faces aligned to ArcFace's template.

    Attributes:
        name: Name of the set.
        labels: (N,) int64, identity of each face; the number of its pair if none is stated.
        template: Alignment that the network needs.
        left: (P,) int64, index of the first face of each pair.
        right: (P,) int64, index of the second face.
        issame: (P,) bool, True for a genuine pair.
        folds: Number of consecutive folds.
        identities: Names of the identities; empty if the set states none.
    """

    licence = ""

    def __init__(self, pairs: PairSet, template: AlignmentTemplate, photos: PhotoKind) -> None:
        self._items = pairs.items
        self._names = pairs.names
        self._aligned = photos == "aligned"
        self.name, self.template, self.folds = pairs.name, template, pairs.folds
        self.left, self.right = pairs.first.astype(np.int64), pairs.second.astype(np.int64)
        self.issame = pairs.issame
        self.labels, self.identities = _identities(pairs)

    def __len__(self) -> int:
        return len(self._items)

    @cached_property
    def _detector(self) -> Detector:
        from vidsearch.models.registry import load_pack

        return load_pack("open", CPU, announce=False).detector

    def aligned_face(self, index: int) -> Image:
        """Return a face, (S, S, 3) uint8 RGB, S the size of the template.

        Raises:
            BrokenFaceError: The photo is missing, cannot be read, or shows no face.
        """
        source = self._items[index][0]
        try:
            image = read_photo(source if isinstance(source, bytes) else str(source))
        except PhotoError as error:
            raise BrokenFaceError(str(error)) from error
        if self._aligned:
            return np.asarray(from_arcface(image, self.template)[0])
        faces = central_face(image, self._detector, self.template)
        if not len(faces):
            raise BrokenFaceError(f"no face in {self._names[index]}")
        return np.asarray(faces[0])

    def warn_of_shared_identities(self, training_identities: Collection[str]) -> None:
        """Log a warning if identities of the set are also in the training set."""
        shared = self.identities & set(training_identities)
        if shared:
            _LOG.warning(
                "%d identities of validation set %s are in the training set as well (%s, ...), so "
                "the accuracy is too high; remove them from the training set",
                len(shared),
                self.name,
                min(shared),
            )


def open_pairs(
    path: Path, pair_list: str, template: AlignmentTemplate, photos: PhotoKind
) -> PairFaces:
    """Open a verification set.

    Args:
        path: Folder of photos, or a ``.bin`` file of aligned faces.
        pair_list: LFW-style ``pairs.txt`` over the photos; empty for a ``.bin`` file.
        template: Alignment that the network needs.
        photos: ``detect``, or ``aligned`` for faces aligned to ArcFace's template.

    Raises:
        TrainingSetError: More than half of the photos are missing.
        ConfigError: A file is malformed or cannot be read.
    """
    if not pair_list:
        return PairFaces(read_bin(path), template, "aligned")
    pairs = read_lfw_pairs(Path(pair_list), path)
    missing = [
        photo for photo in (Path(str(item[0])) for item in pairs.items) if not photo.is_file()
    ]
    if len(missing) > len(pairs.items) // 2:
        raise TrainingSetError(
            f"{len(missing)} of the {len(pairs.items)} photos of {pair_list} are missing, e.g. "
            f"{missing[0]}; check validation.path"
        )
    return PairFaces(pairs, template, photos)


def _identities(pairs: PairSet) -> tuple[NDArray[np.int64], frozenset[str]]:
    labels = np.zeros(len(pairs.items), np.int64)
    if pairs.people is None:
        labels[pairs.first] = labels[pairs.second] = np.arange(len(pairs.issame))
        return labels, frozenset()
    numbers: dict[str, int] = {}
    for row, (first, second) in enumerate(pairs.people):
        labels[pairs.first[row]] = numbers.setdefault(first, len(numbers))
        labels[pairs.second[row]] = numbers.setdefault(second, len(numbers))
    return labels, frozenset(numbers)
