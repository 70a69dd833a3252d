"""Training set as folders of aligned faces: ``FOLDER/<identity>/<any name>.jpg``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.base import BrokenFaceError
from trainer.data.decoding import decode_face
from vidsearch.datatypes import Image
from vidsearch.errors import TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.media.endings import PHOTO_ENDINGS
from vidsearch.text.printable import printable, quoted
from vidsearch.trainingset.manifest import find_set_manifest, template_of_size

_PROBED_FACES = 50  # faces read to find their size, if no manifest states it


class FolderDataset:
    """Dataset with one sub-folder for each identity; see ``FaceDataset``.

    Classes are the sub-folders, sorted by name. Hidden files and folders, and files without an
    image extension, are ignored.

    Args:
        folder: Parent of the identities' folders.

    Raises:
        TrainingSetError: The path is not a folder, it has no identities, an identity has no
            images, or no template has the size of the faces.
    """

    groups: NDArray[np.int64] | None = None

    def __init__(self, folder: Path) -> None:
        manifest = find_set_manifest(folder)
        self.name = manifest.name if manifest is not None else printable(folder.resolve().name)
        self.licence = manifest.licence if manifest is not None else ""
        self._folder = folder
        self.identities, self._files, self.labels = _list_faces(folder)
        self.template: AlignmentTemplate = (
            manifest.template if manifest is not None else template_of_size(self._side(), self.name)
        )

    def __len__(self) -> int:
        return len(self._files)

    def path(self, index: int) -> Path:
        """Return the path of a face."""
        return self._folder / self.identities[int(self.labels[index])] / self._files[index]

    def aligned_face(self, index: int) -> Image:
        """Return a face, (S, S, 3) uint8 RGB; see ``FaceDataset.aligned_face``."""
        path = self.path(index)
        try:
            encoded = path.read_bytes()
        except OSError as error:
            raise BrokenFaceError(f"{path}: cannot be read ({error.strerror})") from error
        return decode_face(encoded, str(path), self.template.size)

    def _side(self) -> int:
        import cv2

        for index in range(min(len(self), _PROBED_FACES)):
            image = cv2.imdecode(np.fromfile(self.path(index), np.uint8), cv2.IMREAD_COLOR)
            if image is None:
                continue
            height, width = image.shape[:2]
            if height != width:
                raise TrainingSetError(
                    f"{self.path(index)} has {width} x {height} pixels; an aligned face is square: "
                    f"make a training set of raw photos with: vidsearch prepare {self._folder} OUT"
                )
            return int(height)
        raise TrainingSetError(
            f"training set {quoted(self.name)}: none of the first "
            f"{min(len(self), _PROBED_FACES)} images "
            "can be decoded; check the folder"
        )


def _list_faces(folder: Path) -> tuple[tuple[str, ...], list[str], NDArray[np.int64]]:
    try:
        names = sorted(
            entry.name
            for entry in os.scandir(folder)
            if entry.is_dir() and not entry.name.startswith(".")
        )
    except OSError as error:
        raise TrainingSetError(
            f"training set {folder} cannot be read ({error.strerror}); name a folder with one "
            "sub-folder per identity"
        ) from error
    if not names:
        raise TrainingSetError(
            f"training set {folder} has no sub-folders; it must hold one folder per identity"
        )
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        image_names = sorted(
            entry.name
            for entry in os.scandir(folder / name)
            if entry.name.lower().endswith(PHOTO_ENDINGS) and not entry.name.startswith(".")
        )
        if not image_names:
            raise TrainingSetError(
                f"training set {folder}: identity {quoted(name)} has no images; remove its "
                "folder or add photos"
            )
        files += image_names
        labels += [label] * len(image_names)
    return tuple(names), files, np.array(labels, np.int64)
