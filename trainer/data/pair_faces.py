"""Faces of a verification set: LFW's pairs over a folder of photos, or a ``.bin`` file."""

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

Pictures = Literal["detect", "aligned"]


class PairFaces:
    """A verification set as faces that are aligned when they are asked for.

    Photos are looked at with the ``open`` pack's detector; the face nearest the middle counts, as
    in ``vidsearch evaluate verification``.

    Args:
        pairs: The set.
        template: How the network wants faces aligned.
        pictures: ``aligned``: they are faces aligned to ArcFace's template, nothing is detected.

    Attributes:
        name: Of the set.
        labels: (N,) whose face it is; where a set does not say, both faces of a pair go by it.
        template: See above.
        left: (P,) int64 faces.
        right: (P,) int64 faces.
        issame: (P,) whether they show one person.
        folds: Consecutive ones.
        people: Names, where the set says them.
    """

    licence = ""

    def __init__(self, pairs: PairSet, template: AlignmentTemplate, pictures: Pictures) -> None:
        self._items = pairs.items
        self._names = pairs.names
        self._aligned = pictures == "aligned"
        self.name, self.template, self.folds = pairs.name, template, pairs.folds
        self.left, self.right = pairs.first.astype(np.int64), pairs.second.astype(np.int64)
        self.issame = pairs.issame
        self.labels, self.people = _people(pairs)

    def __len__(self) -> int:
        return len(self._items)

    @cached_property
    def _detector(self) -> Detector:
        from vidsearch.models.registry import load_pack

        return load_pack("open", CPU, announce=False).detector

    def aligned_face(self, index: int) -> Image:
        """Return (S, S, 3) uint8 RGB with S the template's size.

        Raises:
            BrokenFaceError: The picture is missing or cannot be read, or shows no face.
        """
        source = self._items[index][0]
        try:
            image = read_photo(source if isinstance(source, bytes) else str(source))
        except PhotoError as error:
            raise BrokenFaceError(str(error)) from error
        if self._aligned:
            return np.asarray(from_arcface(image, self.template)[0])
        found = central_face(image, self._detector, self.template)
        if not len(found):
            raise BrokenFaceError(f"no face in {self._names[index]}")
        return np.asarray(found[0])

    def warn_of_shared_identities(self, trained_on: Collection[str]) -> None:
        """Say so if people of the set are trained on, too: the accuracy would flatter."""
        shared = self.people & set(trained_on)
        if shared:
            _LOG.warning(
                "%d people of validation set %s are trained on as well (%s, ...): its accuracy "
                "flatters; leave them out of the training set",
                len(shared), self.name, min(shared),
            )  # fmt: skip


def open_pairs(
    path: Path, pair_list: str, template: AlignmentTemplate, pictures: Pictures
) -> PairFaces:
    """Open a verification set.

    Args:
        path: Folder of photos, or a ``.bin`` file, whose faces are aligned.
        pair_list: LFW-style ``pairs.txt`` over the photos; empty for a ``.bin`` file.
        template: How the network wants faces aligned.
        pictures: What the photos are.

    Raises:
        TrainingSetError: A picture in two is missing.
        ConfigError: A file is malformed or cannot be read.
    """
    if not pair_list:
        return PairFaces(read_bin(path), template, "aligned")
    pairs = read_lfw_pairs(Path(pair_list), path)
    photos = [Path(str(item[0])) for item in pairs.items]
    missing = [photo for photo in photos if not photo.is_file()]
    if len(missing) > len(pairs.items) // 2:
        raise TrainingSetError(
            f"{len(missing)} of the {len(pairs.items)} photos of {pair_list} are missing, e.g. "
            f"{missing[0]}; check validation.path"
        )
    return PairFaces(pairs, template, pictures)


def _people(pairs: PairSet) -> tuple[NDArray[np.int64], frozenset[str]]:
    labels = np.zeros(len(pairs.items), np.int64)
    if pairs.people is None:
        labels[pairs.first] = labels[pairs.second] = np.arange(len(pairs.issame))
        return labels, frozenset()
    numbers: dict[str, int] = {}
    for row, (one, other) in enumerate(pairs.people):
        labels[pairs.first[row]] = numbers.setdefault(one, len(numbers))
        labels[pairs.second[row]] = numbers.setdefault(other, len(numbers))
    return labels, frozenset(numbers)
