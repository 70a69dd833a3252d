"""Writer of indexed videos: every batch becomes visible completely or not at all.

A batch is committed in three steps:

1. The rows of ``tracks`` and ``faces`` are appended with a ``run_id`` that identifies this attempt
   (run, and time in milliseconds). They are invisible: a reader takes only rows whose
   (video_id, run_id) is in ``videos``.
2. The rows of ``videos`` are merged on ``video_id`` in one commit, which makes the batch visible.
   If two runs indexed the same video, the first outcome stays. A failed video is replaced by any
   later outcome, a partly read video by a complete one.
3. The rows of ``files`` (paths of each content) are merged; without these rows, the next run hashes
   the files again.

A killed process leaves rows of ``tracks`` and ``faces`` without a row of ``videos``. They are
invisible; ``maintenance.repair`` deletes them when their attempt is dead.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal

import numpy as np

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import exclusive
from vidsearch.catalog.erasures.pending import erased_videos, erasure_marks
from vidsearch.catalog.maintenance import STALE_AFTER_S, maintain, remove_incomplete
from vidsearch.catalog.records import IndexedVideo, KnownFile
from vidsearch.catalog.schema import face_rows, file_rows, track_rows, video_rows
from vidsearch.datatypes import Vector
from vidsearch.errors import (
    CatalogError,
    CatalogWriteError,
    ConfigError,
    ShapeError,
)
from vidsearch.text.printable import quoted

_LOG = logging.getLogger(__name__)

# Every commit adds a file to each table, and a merge reads all files: joining them at intervals
# keeps the commits of a long run fast.
_FLUSHES_PER_MAINTENANCE = 64

# Rows of a video that a new outcome replaces, by ``WriterConfig.replace``.
_REPLACE_WHERE: Final[dict[bool | str, str]] = {
    False: "old.status = 'failed' OR (old.status = 'partial' AND new.status = 'indexed')",
    True: "true",
    "readable": "old.status = 'failed' OR new.status <> 'failed'",
}

_UNIT_TOLERANCE = 1e-3  # rounding error of a float32 template's length


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterConfig:
    """Limits of a batch; the first limit that is reached commits the batch.

    Attributes:
        flush_videos: Videos in a batch.
        flush_seconds: Seconds since the last commit, checked at every addition. A long video is
            thus committed alone, and short clips are committed in batches.
        flush_mib: Size of a batch in memory, MiB.
        replace: A new outcome also replaces a complete one; for ``index --again``. ``readable``:
            only an outcome that is no failure does; for ``index --video-stream``.
    """

    flush_videos: int = 32
    flush_seconds: float = 20.0
    flush_mib: int = 48
    replace: bool | Literal["readable"] = False

    def __post_init__(self) -> None:
        if self.flush_videos < 1 or self.flush_seconds < 0 or self.flush_mib < 1:
            raise ConfigError(
                "flush_videos and flush_mib must be at least 1 and flush_seconds at least 0; "
                f"got {self.flush_videos}, {self.flush_mib} and {self.flush_seconds}"
            )


def new_run_id() -> str:
    """Return a unique name for a run: its start time and a random token."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}"


class CatalogWriter:
    """Collects indexed videos and commits them in batches, the last batch on leaving the context.

    A writer belongs to one thread. Any number of writers, processes and machines may write to the
    same catalog.

    Args:
        catalog: The catalog.
        run_id: Name of the run; None: a new one.
        config: Limits of a batch; None: the defaults.
        clock: Returns the time in seconds, for ``flush_seconds``.

    Example:
        >>> with CatalogWriter(catalog) as writer:  # doctest: +SKIP
        ...     writer.add(indexed)
    """

    def __init__(
        self,
        catalog: Catalog,
        run_id: str | None = None,
        config: WriterConfig | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._config = config if config is not None else WriterConfig()
        self.run_id = run_id if run_id is not None else new_run_id()
        self._videos: dict[str, IndexedVideo] = {}
        self._files: dict[str, KnownFile] = {}
        self._bytes = 0
        self._clock = clock
        self._last_flush_s = clock()
        self._last_stamp = 0
        self._flushes = 0
        self._marks = erasure_marks(catalog.root)

    def __enter__(self) -> CatalogWriter:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Finished videos are kept after an interruption, except after a failed commit.
        if error_type is None or not issubclass(error_type, CatalogError):
            self.flush()

    @property
    def pending(self) -> int:
        """Number of videos that are not committed yet."""
        return len(self._videos)

    def add(self, indexed: IndexedVideo) -> None:
        """Add a video's outcome and its path; commit if a limit is reached.

        Raises:
            CatalogModelError: The outcome is of another model than the catalog's.
            ShapeError: A template or embedding has another length or is not finite, or a template
                is not of unit length.
            CatalogWriteError: A due commit cannot be written. The writer keeps the batch, and the
                next ``flush`` tries again.
            CatalogConflictError: Other writers committed first for two minutes. The writer keeps
                the batch.
        """
        self._check(indexed)
        record = indexed.video
        pending = self._videos.get(record.video_id)
        if pending is None or _outranks(indexed, pending, replace=self._config.replace):
            self._videos[record.video_id] = indexed
            self._bytes += _size(indexed)
        self.add_file(KnownFile(record.uri, record.size, record.mtime_ns, record.video_id))

    def add_file(self, file: KnownFile) -> None:
        """Add a further path of a known content: a copy, or a file that was moved.

        Raises:
            CatalogWriteError: As for ``add``.
            CatalogConflictError: As for ``add``.
        """
        self._files[file.uri] = file
        if self._due():
            self.flush()

    def flush_if_due(self) -> None:
        """Commit the batch if a limit is reached; call it when no videos arrive.

        Raises:
            CatalogError: As for ``flush``.
        """
        if self._due():
            self.flush()

    def flush(self) -> None:
        """Commit the batch.

        Raises:
            CatalogWriteError: The batch cannot be written; no part of it is visible.
            CatalogConflictError: Other writers committed first for two minutes.
            CatalogModelError: The catalog was re-embedded meanwhile.
        """
        if not self._videos and not self._files:
            return
        start_s = time.monotonic()
        self._catalog.require_in_use()
        with exclusive(self._catalog.root):  # no erasure begins between two commits of the batch
            self._drop_erased()
            videos = list(self._videos.values())
            if videos:
                self._commit(videos)
            self._catalog.table("files").merge(
                file_rows(self._files.values()),
                "uri",
                "new.size <> old.size OR new.mtime_ns <> old.mtime_ns "
                "OR new.video_id <> old.video_id",
            )
        _LOG.debug(
            "committed %d videos, %d tracks, %d files in %.2f s",
            len(videos),
            sum(len(video.tracks) for video in videos),
            len(self._files),
            time.monotonic() - start_s,
        )
        self._videos.clear()
        self._files.clear()
        self._flushes += 1
        if self._flushes % _FLUSHES_PER_MAINTENANCE == 0:
            maintain(self._catalog)
        self._bytes = 0
        self._last_flush_s = self._clock()

    def _drop_erased(self) -> None:
        """Remove the videos of the batch that were erased after this run began."""
        erased = erased_videos(self._catalog.root, self._marks)
        for video_id in erased.keys() & self._videos.keys():
            _LOG.warning("video %s was erased meanwhile and is left out", video_id)
            del self._videos[video_id]
        for uri in [uri for uri, file in self._files.items() if file.video_id in erased]:
            del self._files[uri]

    def _commit(self, videos: list[IndexedVideo]) -> None:
        dim = self._catalog.dim
        start_s = time.time()  # the monotonic clock stops while a machine sleeps
        attempt = self._new_attempt()
        self._catalog.table("tracks").append(track_rows(videos, attempt, dim))
        self._catalog.table("faces").append(face_rows(videos, attempt, dim))
        replace_where = _REPLACE_WHERE[self._config.replace]
        self._catalog.table("videos").merge(video_rows(videos, attempt), "video_id", replace_where)
        if time.time() - start_s > STALE_AFTER_S / 2 and remove_incomplete(self._catalog):
            raise CatalogWriteError(
                f"catalog {self._catalog.uri!r}: this run was suspended while it committed a "
                "batch, and another run removed the batch as dead; repeat the command"
            )

    def _new_attempt(self) -> str:
        stamp = max(time.time_ns() // 1_000_000, self._last_stamp + 1)
        self._last_stamp = stamp
        return f"{self.run_id}.{stamp:012x}"

    def _due(self) -> bool:
        return (
            len(self._videos) >= self._config.flush_videos
            or self._bytes >= self._config.flush_mib << 20
            or self._clock() - self._last_flush_s >= self._config.flush_seconds
        )

    def _check(self, indexed: IndexedVideo) -> None:
        name = indexed.video.uri
        models = {indexed.video.model_id, *(track.template.model_id for track in indexed.tracks)}
        for model_id in sorted(models):
            self._catalog.require_model(model_id)
        for track in indexed.tracks:
            vector = track.template.vector
            self._check_vector(f"template of a track of {quoted(name)}", vector)
            length = float(np.linalg.norm(vector.astype(np.float64)))
            if abs(length - 1) > _UNIT_TOLERANCE:
                raise ShapeError(
                    f"template of a track of {quoted(name)} must have length 1; got {length:.6g}"
                )
            for face in track.faces:
                self._check_vector(f"embedding of a face of {quoted(name)}", face.embedding)

    def _check_vector(self, name: str, vector: Vector) -> None:
        dim = self._catalog.dim
        if vector.shape != (dim,) or not np.isfinite(vector).all():
            raise ShapeError(f"{name} must be {dim} finite numbers; got {vector!r:.60}")


def _outranks(new: IndexedVideo, old: IndexedVideo, *, replace: bool | Literal["readable"]) -> bool:
    """Return True if a second outcome of a content in a batch replaces the first."""
    order = ("failed", "partial", "indexed")
    if replace == "readable":
        return new.video.status != "failed" or old.video.status == "failed"
    return replace or order.index(new.video.status) > order.index(old.video.status)


def _size(indexed: IndexedVideo) -> int:
    """Return the approximate bytes of a video's rows."""
    return sum(
        track.template.vector.nbytes
        + sum(face.embedding.nbytes + len(face.aligned_jpeg) + 300 for face in track.faces)
        for track in indexed.tracks
    )
