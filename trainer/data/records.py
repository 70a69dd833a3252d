"""InsightFace training sets: ``train.rec`` with ``train.idx``.

Record 0 has two labels, (a, b). Records 1 to a - 1 are images, and each of the records a to b - 1
states the range of images of one identity. In a set without such a record 0, every record is an
image. The labels are then read from all records when the set is opened.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.base import BrokenFaceError
from trainer.data.decoding import decode_face
from trainer.data.recordio import CorruptRecordError, Record, RecordFile, read_index
from vidsearch.datatypes import Image
from vidsearch.errors import TrainingSetError
from vidsearch.text.printable import printable
from vidsearch.trainingset.manifest import find_set_manifest, template_of_size

_PROBED_FACES = 50
_EXACT_FLOAT32 = 1 << 24


class RecordDataset:
    """Dataset of a ``.rec`` file and its ``.idx`` file; see ``FaceDataset``.

    The name of an identity is its label. Corrupt images are detected when they are read.

    Args:
        path: The ``.rec`` file.

    Raises:
        TrainingSetError: A file is missing, a record of a range is corrupt, or a label is not a
            whole number from 0 to 16,777,216. The format cannot represent larger ones exactly.
    """

    groups: NDArray[np.int64] | None = None

    def __init__(self, path: Path) -> None:
        manifest = find_set_manifest(path.parent)
        self.name = manifest.name if manifest is not None else printable(path.resolve().parent.name)
        self.licence = manifest.licence if manifest is not None else ""
        self._path = path
        self._file = RecordFile(path)
        offsets = read_index(path.with_suffix(".idx"))
        ends = self._range_ends(offsets)
        if ends is None:
            self._keys = np.array(sorted(offsets), np.int64)
            stated = np.array([self._label(offsets[key], key) for key in self._keys.tolist()])
        else:
            self._keys, stated = self._from_ranges(offsets, *ends)
        names, self.labels = np.unique(stated.astype(np.int64), return_inverse=True)
        self.labels = self.labels.astype(np.int64)
        self._label_values = names
        self.identities = tuple(str(name) for name in names.tolist())
        self._offsets = np.array([offsets[key] for key in self._keys.tolist()], np.int64)
        self.template = (
            manifest.template if manifest is not None else template_of_size(self._side(), self.name)
        )

    def __len__(self) -> int:
        return len(self._keys)

    def aligned_face(self, index: int) -> Image:
        """Return a face, (S, S, 3) uint8 RGB; see ``FaceDataset.aligned_face``."""
        name = f"{self._path}: record {self._keys[index]}"
        try:
            record = self._file.read(int(self._offsets[index]))
        except CorruptRecordError as error:
            raise BrokenFaceError(f"{name}: {error}") from error
        expected = int(self._label_values[self.labels[index]])
        if record.labels[0] != expected:
            raise BrokenFaceError(
                f"{name}: labelled {record.labels[0]:g}, but stored among identity {expected}"
            )
        return decode_face(record.data, name, self.template.size)

    def _range_ends(self, offsets: dict[int, int]) -> tuple[int, int] | None:
        """Return (a, b) of record 0, or None if there is no such record."""
        if 0 not in offsets:
            return None
        record = self._file.read(offsets[0])
        if not record.flagged or record.data:
            return None
        if len(record.labels) < 2 or not _are_whole_numbers(record.labels[:2]):
            raise TrainingSetError(
                f"{self._path}: record 0 must hold two whole numbers; got "
                f"{record.labels[:4].tolist()}; download the set again"
            )
        return int(record.labels[0]), int(record.labels[1])

    def _from_ranges(
        self, offsets: dict[int, int], images_end: int, identities_end: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return keys and labels of all images, from the records of the identities' ranges."""
        if not 1 < images_end < identities_end:
            raise TrainingSetError(
                f"{self._path}: record 0 states images 1..{images_end - 1} and identities "
                f"{images_end}..{identities_end - 1}; download the set again"
            )
        keys, labels = [], []
        for identity in range(images_end, identities_end):
            record = self._file.read(self._offset(offsets, identity))
            ends = record.labels[:2]
            if not record.flagged or len(ends) < 2 or not _are_whole_numbers(ends):
                raise TrainingSetError(
                    f"{self._path}: record {identity} must hold an identity's range of images; "
                    "download the set again"
                )
            start, end = int(ends[0]), int(ends[1])
            if not 1 <= start < end <= images_end:
                raise TrainingSetError(
                    f"{self._path}: record {identity} states images {start}..{end - 1} for one "
                    f"identity, outside 1..{images_end - 1} or none; download the set again"
                )
            for key in range(start, end):
                self._offset(offsets, key)
            label = self._first_label(offsets, start, end)
            keys.append(np.arange(start, end))
            labels.append(np.full(end - start, label))
        joined = np.concatenate(keys)
        if len(np.unique(joined)) != len(joined):
            raise TrainingSetError(
                f"{self._path}: an image belongs to two identities; download the set again"
            )
        return joined, np.concatenate(labels)

    def _first_label(self, offsets: dict[int, int], start: int, end: int) -> float:
        """Return the label of an identity's first readable image."""
        for key in range(start, end):
            try:
                return self._label(offsets[key], key)
            except CorruptRecordError as error:
                last = error
        raise last

    def _offset(self, offsets: dict[int, int], key: int) -> int:
        if key not in offsets:
            raise TrainingSetError(
                f"{self._path.with_suffix('.idx')} has no offset of record {key}; copy or "
                "download the file again"
            )
        return offsets[key]

    def _label(self, offset: int, key: int) -> float:
        labels = self._file.read(offset).labels
        if not _are_whole_numbers(labels[:1]):
            raise TrainingSetError(
                f"{self._path}: record {key} has label {labels[0]:g}; labels must be whole "
                f"numbers from 0 to {_EXACT_FLOAT32}; make the set again"
            )
        return float(labels[0])

    def _side(self) -> int:
        import cv2

        for index in range(min(len(self), _PROBED_FACES)):
            try:
                record: Record = self._file.read(int(self._offsets[index]))
            except CorruptRecordError:
                continue
            if not record.data:
                continue
            image = cv2.imdecode(np.frombuffer(record.data, np.uint8), cv2.IMREAD_COLOR)
            if image is not None and image.shape[0] == image.shape[1]:
                return int(image.shape[0])
        raise TrainingSetError(
            f"{self._path}: none of the first {min(len(self), _PROBED_FACES)} records is a square "
            "image; download the set again"
        )


def _are_whole_numbers(labels: NDArray[np.float32]) -> bool:
    return bool(
        np.isfinite(labels).all()
        and (labels == np.floor(labels)).all()
        and (labels >= 0).all()
        and (labels <= _EXACT_FLOAT32).all()
    )
