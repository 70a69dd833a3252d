"""Maintenance of the tables: repair after killed runs, respelled paths, compaction, old versions.

An attempt to commit that is older than ``STALE_AFTER_S`` and never became visible is treated as
dead. An attempt takes seconds, and contention ends after ``commits.RETRY_FOR_S``. A test of age
needs no lock files and process numbers, and works across machines and containers whose clocks agree
to minutes. Invisible rows stay for that time. A writer that was suspended for longer detects the
removal (see ``writer.py``).
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import read_again, writers_excluded
from vidsearch.catalog.records import KnownFile
from vidsearch.catalog.schema import VIDEOS, faces_schema, file_rows, tracks_schema
from vidsearch.catalog.table_files import list_checksums, sql_text
from vidsearch.catalog.versions import remove_superseded
from vidsearch.errors import CatalogConflictError
from vidsearch.storage.checksums import keep_checksums
from vidsearch.text.names import composed, is_remote_name, portable_name
from vidsearch.text.printable import one_line

_LOG = logging.getLogger(__name__)

STALE_AFTER_S = 3600.0
_KEEP_OLD_FILES_H = 24  # an opened version stays readable for this long
_MANY_FILES = 16
_FILE_BYTES = 32 << 20
# JPEGs are nearly all of a catalog's bytes, and the file of one batch is large enough. Joining such
# files would double the catalog until the old files are removed.
_FACES_FILE_BYTES = 4 << 20
_IDS_PER_TERM = 200
_TERMS_PER_STATEMENT = 20
_PATHS_PER_STATEMENT = 200

_STAMP = re.compile(r"\.([0-9a-f]{12})$")


@dataclass(frozen=True, slots=True)
class RepairReport:
    """Result of a repair.

    Attributes:
        rows: Removed rows of ``tracks`` and ``faces`` that belonged to no visible video.
        videos: Removed videos with missing tracks; the next run indexes them again.
    """

    rows: int
    videos: int


def repair(catalog: Catalog, stale_after_s: float = STALE_AFTER_S) -> RepairReport:
    """Remove the rows of killed runs; rows of running writers stay.

    Args:
        catalog: The catalog.
        stale_after_s: Age in seconds from which an invisible attempt is treated as dead.

    Raises:
        CatalogConflictError: Other writers committed first for two minutes.
        CatalogWriteError: The catalog cannot be written.
    """
    catalog.table("videos").add_missing_columns(VIDEOS)
    catalog.table("tracks").add_missing_columns(tracks_schema(catalog.dim))
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
    """Remove videos that have fewer or more tracks than their row states; return their number.

    Raises:
        CatalogConflictError: Other writers committed first for two minutes.
        CatalogWriteError: The catalog cannot be written.
    """
    broken = incomplete_videos(catalog)
    if broken:  # an erasure may have been between two of its steps: look again
        confirmed = incomplete_videos(catalog)
        broken = {
            run_id: sorted(set(video_ids) & set(confirmed.get(run_id, ())))
            for run_id, video_ids in broken.items()
        }
    removed = 0
    for statement in _statements(broken):
        removed += catalog.table("videos").delete(statement)
    return removed


@read_again
def incomplete_videos(catalog: Catalog) -> dict[str, list[str]]:
    """Return the ids of the videos with fewer or more tracks than stated, by attempt.

    Raises:
        CatalogError: A table is missing or damaged.
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
        if row["video_id"] in snapshot.mask.changing:
            continue
        if found.get(row["video_id"], 0) != (row["tracks"] or 0):
            broken[row["run_id"]].append(row["video_id"])
    return broken


def remove_replaced(catalog: Catalog) -> int:
    """Remove videos whose only file now has other content; return their number.

    A file that was repaired, completed or overwritten is another video, and a hit on its former
    content would be wrong. A later ``repair`` removes the rows in the other tables.

    Raises:
        CatalogConflictError: Other writers committed first for two minutes.
        CatalogWriteError: The catalog cannot be written.
    """
    content_at = {row["uri"]: row["video_id"] for row in catalog.table("files").read().to_pylist()}
    respelled = {composed(uri): video_id for uri, video_id in content_at.items()}
    current = set(content_at.values())
    replaced: dict[str, list[str]] = defaultdict(list)
    for row in catalog.videos(columns=["video_id", "uri", "run_id"]).to_pylist():
        # A killed run may have left a video without a row in ``files``: keep the video.
        uri = row["uri"]
        content_now = content_at[uri] if uri in content_at else respelled.get(composed(uri))
        if row["video_id"] not in current and content_now not in (None, row["video_id"]):
            replaced[row["run_id"]].append(row["video_id"])
    removed = 0
    for statement in _statements(replaced):
        removed += catalog.table("videos").delete(statement)
    return removed


def adopt_spellings(catalog: Catalog, uris: Collection[str]) -> int:
    """Give known files the spelling in which they were found now; return their number.

    macOS and some network drives change the letters of names (Unicode NFC, NFD): the same file then
    has another path. With the new path in its row, the file is neither read again nor listed twice,
    and opens by the bytes that its name has now. A file that still exists under its former spelling
    is another file and stays.

    Args:
        catalog: The catalog.
        uris: Paths and URIs of the files found.

    Raises:
        CatalogConflictError: Other writers committed first for two minutes.
        CatalogWriteError: The catalog cannot be written.
    """
    present = {uri for uri in uris if not uri.isascii() and not is_remote_name(uri)}
    if not present:
        return 0
    known_files = catalog.known_files()
    former: dict[str, list[KnownFile]] = defaultdict(list)
    for file in known_files.values():
        if not (file.uri.isascii() or is_remote_name(file.uri) or file.uri in present):
            former[composed(file.uri)].append(file)
    respelled: dict[str, KnownFile] = {}
    for uri in present - known_files.keys():
        for file in former.get(composed(uri), ()):
            if not _is_another_file(file.uri, uri):
                respelled[file.uri] = KnownFile(uri, file.size, file.mtime_ns, file.video_id)
    if not respelled:
        return 0
    table = catalog.table("files")
    table.merge(file_rows(respelled.values()), "uri", "true")
    stored = sorted(map(portable_name, respelled))
    for start in range(0, len(stored), _PATHS_PER_STATEMENT):
        paths = ", ".join(map(sql_text, stored[start : start + _PATHS_PER_STATEMENT]))
        table.delete(f"uri IN ({paths})")
    return len(respelled)


def maintain(catalog: Catalog) -> None:
    """Join small files and remove files that no version of the last day refers to.

    If a concurrent writer commits first, the next call joins the files.

    Raises:
        CatalogWriteError: The catalog cannot be written.
    """
    for name in catalog.table_names:
        table = catalog.table(name)
        size = _FACES_FILE_BYTES if name == "faces" else _FILE_BYTES
        file_bytes = pa.table(table.open().get_add_actions(flatten=True))["size_bytes"]
        small_files = pc.sum(pc.less(file_bytes, size // 2)).as_py() or 0
        if small_files > _MANY_FILES:
            try:
                table.compact(size)
            except CatalogConflictError as error:
                _LOG.info("compaction of %s is postponed: %s", name, one_line(error))
        table.vacuum(_KEEP_OLD_FILES_H)
        list_checksums(table)
    if catalog.root.path is not None:
        with writers_excluded(catalog.root):
            keep_checksums(catalog.root.path, list(catalog.root.path.rglob("*.parquet")))


def _is_another_file(former: str, present: str) -> bool:
    try:
        return os.path.lexists(former) and not os.path.samefile(former, present)  # noqa: PTH121
    except OSError:
        return True


@read_again
def _dead_attempts(catalog: Catalog, name: str, oldest_live_s: float) -> dict[str, list[str]]:
    """Return the ids of the videos with invisible rows of dead attempts, by attempt."""
    snapshot = catalog.snapshot()
    pairs = snapshot.uncounted(name).group_by(["run_id", "video_id"]).aggregate([])
    dead: dict[str, list[str]] = defaultdict(list)
    for pair in pairs.to_pylist():
        stamp = _STAMP.search(pair["run_id"] or "")
        if stamp is None or int(stamp.group(1), 16) / 1000 <= oldest_live_s:
            dead[pair["run_id"]].append(pair["video_id"])
    return dead


def _statements(videos: dict[str, list[str]]) -> list[str]:
    """Return SQL conditions that together select every video of every attempt."""
    terms = []
    for run_id, video_ids in sorted(videos.items()):
        for start in range(0, len(video_ids), _IDS_PER_TERM):
            ids = ", ".join(map(sql_text, sorted(video_ids)[start : start + _IDS_PER_TERM]))
            terms.append(f"(run_id = {sql_text(run_id)} AND video_id IN ({ids}))")
    starts = range(0, len(terms), _TERMS_PER_STATEMENT)
    return [" OR ".join(terms[start : start + _TERMS_PER_STATEMENT]) for start in starts]
