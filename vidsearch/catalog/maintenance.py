"""Keeping the tables whole and quick: remains of killed runs, small files, old versions.

When is a run dead? Its rows say when their attempt began, and an attempt takes seconds: rows are
appended and at once made to count; contention for that commit is given up after
``tables.RETRY_FOR_S``. So rows that still do not count after ``STALE_AFTER_S`` belong to nobody.
Age needs no lock file that a killed run leaves behind, no process number that means nothing on
another machine or in a container, and no clock closer than minutes; all it costs is that invisible
rows stay a while. A writer that was suspended for that long finds out (``writer.py``).
"""

from __future__ import annotations

import logging
import re
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog.schema import VIDEOS, faces_schema
from vidsearch.catalog.tables import sql_text
from vidsearch.catalog.versions import remove_superseded
from vidsearch.errors import CatalogConflictError
from vidsearch.text.printable import one_line

if TYPE_CHECKING:
    from vidsearch.catalog.catalog import Catalog

_LOG = logging.getLogger(__name__)

STALE_AFTER_S = 3600.0
# A reader that opened a version may still read its files for this long.
_KEEP_OLD_FILES_H = 24
_MANY_FILES = 16
_FILE_BYTES = 32 << 20
# Pictures make up nearly all of a catalog and a batch of them is a fair file already: joining them
# would double the catalog until the old files go.
_FACES_FILE_BYTES = 4 << 20
_TERMS_A_STATEMENT = 200

_STAMP = re.compile(r"\.([0-9a-f]{12})$")


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What ``repair`` removed.

    Attributes:
        rows: Rows of ``tracks`` and ``faces`` that never came to count, or no longer do.
        videos: Videos whose tracks are not all there; they will be indexed again.
    """

    rows: int
    videos: int


def repair(catalog: Catalog, stale_after_s: float = STALE_AFTER_S) -> RepairReport:
    """Remove what killed runs left, without touching what a live writer is about to commit.

    Args:
        catalog: The catalog.
        stale_after_s: Age in seconds from which an attempt that does not count is dead.

    Raises:
        CatalogConflictError: Other writers won too often.
        CatalogWriteError: The catalog cannot be written.
    """
    catalog.table("videos").add_missing_columns(VIDEOS)
    catalog.table("faces").add_missing_columns(faces_schema(catalog.dim))
    remove_superseded(catalog)
    oldest_live = time.time() - stale_after_s
    rows = 0
    for name in ("tracks", "faces"):
        dead = _dead_attempts(catalog, name, oldest_live)
        for statement in _statements(dead):
            rows += catalog.table(name).delete(statement)
    videos = remove_incomplete(catalog)
    if rows or videos:
        _LOG.info("repaired catalog %s: %d stale rows, %d videos", catalog.uri, rows, videos)
    return RepairReport(rows, videos)


def remove_incomplete(catalog: Catalog) -> int:
    """Remove videos whose rows in ``tracks`` are not as many as promised; return how many.

    Raises:
        CatalogConflictError: Other writers won too often.
        CatalogWriteError: The catalog cannot be written.
    """
    snapshot = catalog.snapshot()
    videos = snapshot.videos(columns=["video_id", "run_id", "tracks"])
    counted = (
        snapshot.tracks(columns=["video_id"]).group_by("video_id").aggregate([([], "count_all")])
    )
    found = dict(
        zip(counted["video_id"].to_pylist(), counted["count_all"].to_pylist(), strict=True)
    )
    broken: dict[str, list[str]] = defaultdict(list)
    for row in videos.to_pylist():
        if found.get(row["video_id"], 0) != (row["tracks"] or 0):
            broken[row["run_id"]].append(row["video_id"])
    removed = 0
    for statement in _statements(broken):
        removed += catalog.table("videos").delete(statement)
    return removed


def retire_replaced(catalog: Catalog) -> int:
    """Remove videos whose file now holds other content and that were seen nowhere else.

    A file that was repaired, finished or overwritten is another video. What it held before is gone,
    and a hit that names the file would be wrong. Returns how many videos were removed; ``repair``
    sweeps their rows.

    Raises:
        CatalogConflictError: Other writers won too often.
        CatalogWriteError: The catalog cannot be written.
    """
    content_at = {row["uri"]: row["video_id"] for row in catalog.table("files").read().to_pylist()}
    seen = set(content_at.values())
    replaced: dict[str, list[str]] = defaultdict(list)
    for row in catalog.videos(columns=["video_id", "uri", "run_id"]).to_pylist():
        # Without a row in ``files`` nothing is known: a run may have been killed before it.
        now = content_at.get(row["uri"])
        if row["video_id"] not in seen and now is not None and now != row["video_id"]:
            replaced[row["run_id"]].append(row["video_id"])
    removed = 0
    for statement in _statements(replaced):
        removed += catalog.table("videos").delete(statement)
    return removed


def maintain(catalog: Catalog) -> None:
    """Join small files and remove files that no version of the last day refers to.

    Losing to a concurrent writer is no error: the next call does it.

    Raises:
        CatalogWriteError: The catalog cannot be written.
    """
    for name in catalog.table_names:
        table = catalog.table(name)
        opened = table.open()
        size = _FACES_FILE_BYTES if name == "faces" else _FILE_BYTES
        if _small_files(opened, size // 2) > _MANY_FILES:
            try:
                table.compact(size)
            except CatalogConflictError as error:
                _LOG.info("compaction of %s put off: %s", name, one_line(error))
        table.vacuum(_KEEP_OLD_FILES_H)


def _small_files(opened: Any, size: int) -> int:
    sizes = pa.table(opened.get_add_actions(flatten=True)).column("size_bytes")
    return int(pc.sum(pc.less(sizes, size)).as_py() or 0)


def _dead_attempts(catalog: Catalog, name: str, oldest_live_s: float) -> dict[str, list[str]]:
    """Return attempt -> videos of the rows that do not count and whose attempt is too old."""
    snapshot = catalog.snapshot()
    pairs = snapshot.uncounted(name).group_by(["run_id", "video_id"]).aggregate([])
    dead: dict[str, list[str]] = defaultdict(list)
    for pair in pairs.to_pylist():
        stamp = _STAMP.search(pair["run_id"] or "")
        if stamp is None or int(stamp.group(1), 16) / 1000 <= oldest_live_s:
            dead[pair["run_id"]].append(pair["video_id"])
    return dead


def _statements(dead: dict[str, list[str]]) -> list[str]:
    """Return SQL conditions that together name every (run, video) pair."""
    terms = []
    for run_id, video_ids in sorted(dead.items()):
        for start in range(0, len(video_ids), _TERMS_A_STATEMENT):
            some = ", ".join(map(sql_text, sorted(video_ids)[start : start + _TERMS_A_STATEMENT]))
            terms.append(f"(run_id = {sql_text(run_id)} AND video_id IN ({some}))")
    step = 20
    return [" OR ".join(terms[at : at + step]) for at in range(0, len(terms), step)]
