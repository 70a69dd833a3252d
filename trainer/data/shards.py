"""Training set as Parquet shards, read in row groups so that memory stays bounded.

Identities are read when the dataset is opened. Images are read one row group at a time. The cache
holds as many row groups as ``trainer.data.order`` shuffles together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from trainer.data.base import BrokenFaceError
from trainer.data.decoding import decode_face
from trainer.data.order import GROUPS_IN_WINDOW
from vidsearch.datatypes import Image
from vidsearch.errors import TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.storage.files import arrow_file
from vidsearch.text.printable import first_line, printable, quoted
from vidsearch.trainingset.manifest import find_set_manifest, template_of_size
from vidsearch.trainingset.shards import MAX_GROUP_BYTES

_PROBED_FACES = 50
_OPEN_FILES = 64


class OpenFiles(LRUCache[int, Any]):
    """Least-recently-used cache of open Parquet files; evicted files are closed."""

    def popitem(self) -> tuple[int, Any]:
        """Evict and close the least recently used file; return its key and the file."""
        number, file = super().popitem()
        file.close()
        return number, file


class ShardDataset:
    """All ``*.parquet`` files of a folder, sorted by name; see ``FaceDataset``.

    Args:
        folder: Folder of the shards; their columns are those of ``vidsearch.trainingset.shards``.
        max_group_bytes: Largest uncompressed row group, bytes.

    Raises:
        TrainingSetError: A shard cannot be read, lacks a column, or has row groups too large to
            keep several in memory.
    """

    def __init__(self, folder: Path, max_group_bytes: int = MAX_GROUP_BYTES) -> None:
        manifest = find_set_manifest(folder)
        self.name = manifest.name if manifest is not None else printable(folder.resolve().name)
        self.licence = manifest.licence if manifest is not None else ""
        self._max_group_bytes = max_group_bytes
        self._paths = sorted(folder.glob("*.parquet"))
        self._create_caches()
        names, sizes = [], [0]
        self._group_locations: list[tuple[int, int]] = []
        for number, path in enumerate(self._paths):
            column, groups = self._identities_and_groups(path)
            names.append(column)
            sizes += groups
            self._group_locations += [(number, group) for group in range(len(groups))]
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
        del state["_columns"], state["_files"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._create_caches()

    @property
    def cached_groups(self) -> int:
        """Number of row groups in memory; at most ``GROUPS_IN_WINDOW``."""
        return len(self._columns)

    def aligned_face(self, index: int) -> Image:
        """Return a face, (S, S, 3) uint8 RGB; see ``FaceDataset.aligned_face``."""
        encoded, name = self._encoded(index)
        return decode_face(encoded, name, self.template.size)

    def _create_caches(self) -> None:
        self._columns: LRUCache[int, Any] = LRUCache(GROUPS_IN_WINDOW)
        self._files = OpenFiles(_OPEN_FILES)

    def _encoded(self, index: int) -> tuple[bytes, str]:
        assert self.groups is not None
        group = int(np.searchsorted(self.groups, index, side="right")) - 1
        number, group_in_file = self._group_locations[group]
        row = index - int(self.groups[group])
        name = f"{self._paths[number]}: row {row} of group {group_in_file}"
        value = self._column(group)[row].as_py()
        if value is None:
            raise BrokenFaceError(f"{name}: no image")
        return value, name

    def _column(self, group: int) -> Any:
        """Return the encoded images of a row group."""
        if group not in self._columns:
            number, group_in_file = self._group_locations[group]
            try:
                table = self._file(number).read_row_group(group_in_file, columns=["image"])
            except (OSError, ValueError) as error:
                raise TrainingSetError(
                    f"{self._paths[number]}: row group {group_in_file} cannot be read "
                    f"({first_line(error)}); copy the shard again"
                ) from error
            self._columns[group] = table["image"]
        return self._columns[group]

    def _file(self, number: int) -> Any:
        import pyarrow.parquet as pq

        if number not in self._files:
            self._files[number] = pq.ParquetFile(arrow_file(self._paths[number]))
        return self._files[number]

    def _identities_and_groups(self, path: Path) -> tuple[NDArray[np.object_], list[int]]:
        """Return the identity of every row, and the sizes of the row groups."""
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(arrow_file(path)) as file:
                missing = {"identity", "image"} - set(file.schema_arrow.names)
                if missing:
                    raise TrainingSetError(
                        f"{path} has no column {sorted(missing)[0]!r}; shards have the columns "
                        "identity, image and source"
                    )
                groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
                if any(group.total_byte_size > self._max_group_bytes for group in groups):
                    raise TrainingSetError(
                        f"{path} has row groups above {self._max_group_bytes >> 20} MiB, of which "
                        f"{GROUPS_IN_WINDOW} are kept in memory; write it again with row groups "
                        "of a few hundred faces"
                    )
                column = file.read(columns=["identity"])["identity"]
        except (OSError, ValueError) as error:
            raise TrainingSetError(
                f"{path} is not a readable Parquet file ({first_line(error)}); copy it again"
            ) from error
        if column.null_count:
            raise TrainingSetError(f"{path} has faces without an identity; make the set again")
        return column.to_numpy().astype(object), [group.num_rows for group in groups]

    def _side(self) -> int:
        import cv2

        for index in range(min(len(self), _PROBED_FACES)):
            encoded = self._encoded(index)[0]
            image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
            if image is not None and image.shape[0] == image.shape[1]:
                return int(image.shape[0])
        raise TrainingSetError(
            f"training set {quoted(self.name)}: none of the first "
            f"{min(len(self), _PROBED_FACES)} rows "
            "is a square image; make the set again"
        )
