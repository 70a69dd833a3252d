"""Part of an archive that a search covers."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow.compute as pc

from vidsearch.catalog.snapshot import Snapshot
from vidsearch.results.result import Coverage


def coverage_of(snapshot: Snapshot, video_ids: Collection[str] | None) -> Coverage:
    """Return the coverage of a search.

    Args:
        snapshot: State of the tables.
        video_ids: Ids of the videos that are searched; None: all.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    videos = snapshot.videos(["status", "read_s", "duration_s", "tracks"], video_ids)
    readable = videos.filter(pc.not_equal(videos["status"], "failed"))
    # A video of an earlier version has no record of the part that was read.
    read_s = pc.coalesce(readable["read_s"], readable["duration_s"])
    return Coverage(
        tracks=int(pc.sum(readable["tracks"], min_count=0).as_py()),
        videos=len(readable),
        duration_s=float(pc.sum(read_s, min_count=0).as_py()),
        failed_videos=len(videos) - len(readable),
        partial_videos=int(pc.sum(pc.equal(readable["status"], "partial"), min_count=0).as_py()),
    )
