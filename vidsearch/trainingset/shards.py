"""Parquet shards of aligned faces, for large training sets.

Columns: ``identity`` (string), ``image`` (encoded image, stored without further compression) and
``source`` (photo, or track and time). Row groups are small, so that a reader that mixes a few dozen
of them needs little memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidsearch.storage.files import arrow_file

GROUP_FACES = 256
SHARD_FACES = 256 * 64
MAX_GROUP_BYTES = 64 << 20


def schema() -> Any:
    """Return the Arrow schema of a shard."""
    import pyarrow as pa

    return pa.schema([("identity", pa.string()), ("image", pa.binary()), ("source", pa.string())])


class ShardWriter:
    """Writer of faces into ``FOLDER/part-00000.parquet``, ``part-00001.parquet`` and so on.

    Args:
        folder: Folder without shards; it is created if missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._rows: list[dict[str, object]] = []
        self._shard: Any = None
        self._file: Any = None
        self._in_shard = self._shards = 0

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, identity: str, image: bytes, source: str) -> None:
        """Add one face; it is on disk after ``close``."""
        self._rows.append({"identity": identity, "image": image, "source": source})
        if len(self._rows) >= GROUP_FACES:
            self._write_group()

    def close(self) -> None:
        """Write the remaining faces and close the last shard."""
        if self._rows:
            self._write_group()
        self._finish_shard()

    def _write_group(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._shard is None:
            path = self._folder / f"part-{self._shards:05d}.parquet"
            self._file = arrow_file(path, "wb")
            self._shard = pq.ParquetWriter(
                self._file,
                schema(),
                compression={"identity": "zstd", "image": "none", "source": "zstd"},
                use_dictionary=["identity"],
                write_statistics=False,
            )
        self._shard.write_table(pa.Table.from_pylist(self._rows, schema()))
        self._in_shard += len(self._rows)
        self._rows.clear()
        if self._in_shard >= SHARD_FACES:
            self._finish_shard()

    def _finish_shard(self) -> None:
        if self._shard is not None:
            self._shard.close()
            self._file.close()
            self._shard = None
            self._shards += 1
            self._in_shard = 0
