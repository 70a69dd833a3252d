"""Parquet shards: large sets, read in runs so that memory stays bounded.

Identities and labels are read when the set is opened; pictures a row group at a time, of which as
many are kept as ``data.order`` mixes with each other.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.base import BrokenFaceError
from trainer.data.decoding import decode_face
from trainer.data.order import GROUPS_IN_WINDOW
from vidsearch.datatypes import Image
from vidsearch.errors import TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.trainingset.manifest import find_manifest, template_of_size
from vidsearch.trainingset.shards import MAX_GROUP_BYTES

_LOOKED_AT = 50
_OPEN_FILES = 64


class ShardDataset:
    """All ``*.parquet`` files of a folder, in the order of their names; see ``FaceDataset``.

    Args:
        folder: Holds the shards (columns: ``vidsearch.trainingset.shards``).

    Raises:
        TrainingSetError: A shard cannot be read, lacks a column, or has row groups too large to
            keep several of them in memory.
    """

    def __init__(self, folder: Path) -> None:
        manifest = find_manifest(folder)
        self.name = manifest.name if manifest is not None else folder.resolve().name
        self.licence = manifest.licence if manifest is not None else ""
        self._folder = folder
        self._paths = sorted(folder.glob("*.parquet"))
        self._prepare()
        names, sizes = [], [0]
        self._places: list[tuple[int, int]] = []
        for number, path in enumerate(self._paths):
            column, groups = self._described(path)
            names.append(column)
            sizes += groups
            self._places += [(number, group) for group in range(len(groups))]
        self.groups: NDArray[np.int64] | None = np.cumsum(sizes).astype(np.int64)
        found, labels = np.unique(np.concatenate(names), return_inverse=True)
        self.identities = tuple(str(name) for name in found)
        self.labels: NDArray[np.int64] = labels.astype(np.int64)
        self.template: AlignmentTemplate = (
            manifest.template if manifest is not None else template_of_size(self._side(), self.name)
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        del state["_images"], state["_files"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def aligned_face(self, index: int) -> Image:
        """See ``FaceDataset.aligned_face``."""
        encoded, name = self._encoded(index)
        return decode_face(encoded, name, self.template.size)

    def _prepare(self) -> None:
        self._images: OrderedDict[int, Any] = OrderedDict()
        self._files: OrderedDict[int, Any] = OrderedDict()

    def _encoded(self, index: int) -> tuple[bytes, str]:
        assert self.groups is not None
        group = int(np.searchsorted(self.groups, index, side="right")) - 1
        number, inside = self._places[group]
        name = f"{self._paths[number]}: row {index - int(self.groups[group])} of group {inside}"
        value = self._group(group)[index - int(self.groups[group])].as_py()
        if value is None:
            raise BrokenFaceError(f"{name}: no image")
        return value, name

    def _group(self, group: int) -> Any:
        """Return the pictures of a row group, and let go of the one used longest ago."""
        if group in self._images:
            self._images.move_to_end(group)
            return self._images[group]
        number, inside = self._places[group]
        try:
            column = self._file(number).read_row_group(inside, columns=["image"])["image"]
        except (OSError, ValueError) as error:
            raise TrainingSetError(
                f"{self._paths[number]}: row group {inside} cannot be read "
                f"({_first_line(error)}); copy the shard again"
            ) from error
        while len(self._images) >= GROUPS_IN_WINDOW:
            self._images.popitem(last=False)
        self._images[group] = column
        return column

    def _file(self, number: int) -> Any:
        import pyarrow.parquet as pq

        if number not in self._files:
            while len(self._files) >= _OPEN_FILES:
                self._files.popitem(last=False)[1].close()
            self._files[number] = pq.ParquetFile(self._paths[number])
        self._files.move_to_end(number)
        return self._files[number]

    def _described(self, path: Path) -> tuple[NDArray[np.object_], list[int]]:
        """Return the identity of every row, and the sizes of the row groups."""
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(path) as file:
                missing = {"identity", "image"} - set(file.schema_arrow.names)
                if missing:
                    raise TrainingSetError(
                        f"{path} has no column {sorted(missing)[0]!r}; shards have the columns "
                        "identity, image and source"
                    )
                groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
                if any(group.total_byte_size > MAX_GROUP_BYTES for group in groups):
                    raise TrainingSetError(
                        f"{path} has row groups above {MAX_GROUP_BYTES >> 20} MiB, of which "
                        f"{GROUPS_IN_WINDOW} are kept in memory; write it again with row groups "
                        "of a few hundred faces"
                    )
                column = file.read(columns=["identity"])["identity"]
        except (OSError, ValueError) as error:
            raise TrainingSetError(
                f"{path} is no readable Parquet file ({_first_line(error)}); copy it again"
            ) from error
        if column.null_count:
            raise TrainingSetError(f"{path} has faces without an identity; make the set again")
        return column.to_numpy().astype(object), [group.num_rows for group in groups]

    def _side(self) -> int:
        import cv2

        for index in range(min(len(self), _LOOKED_AT)):
            encoded = self._encoded(index)[0]
            picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
            if picture is not None and picture.shape[0] == picture.shape[1]:
                return int(picture.shape[0])
        raise TrainingSetError(
            f"training set {self.name!r}: none of the first {min(len(self), _LOOKED_AT)} rows is "
            "a square image; make the set again"
        )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
