"""Rows of a catalog without what differs from run to run, and checks that they are whole."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from vidsearch.catalog import Catalog
from vidsearch.catalog.maintenance import repair

SORT = {
    "videos": ["video_id"],
    "tracks": ["track_id"],
    "faces": ["track_id", "position"],
    "files": ["uri"],
}
RUN_COLUMNS = ["run_id", "indexed_at", "seen_at"]


def contents(catalog: Catalog) -> dict[str, pd.DataFrame]:
    """Return the visible rows, sorted, without the columns that name the run or the time."""
    snapshot = catalog.snapshot()
    tables = {
        "videos": snapshot.videos(),
        "tracks": snapshot.tracks(),
        "faces": snapshot.faces(),
        "files": raw(catalog, "files"),
    }
    return {
        name: table.drop_columns([c for c in RUN_COLUMNS if c in table.column_names])
        .to_pandas()
        .sort_values(SORT[name])
        .reset_index(drop=True)
        for name, table in tables.items()
    }


def raw(catalog: Catalog, name: str) -> pa.Table:
    """Return every row of a table, visible or not."""
    return catalog.table(name).open().to_pyarrow_dataset().to_table()


def assert_same(catalog: Catalog, expected: dict[str, pd.DataFrame]) -> None:
    for name, frame in contents(catalog).items():
        pd.testing.assert_frame_equal(frame, expected[name], obj=name)


def assert_whole(catalog: Catalog) -> None:
    """Fail unless every visible video has its tracks, and every track its faces."""
    snapshot = catalog.snapshot()
    videos = snapshot.videos(columns=["video_id", "tracks"]).to_pandas()
    tracks = snapshot.tracks(columns=["video_id", "track_id"]).to_pandas()
    faces = snapshot.faces(columns=["track_id"]).to_pandas()
    promised = dict(zip(videos["video_id"], videos["tracks"], strict=True))
    assert len(promised) == len(videos)
    found = tracks.groupby("video_id").size().to_dict()
    assert found == {video_id: count for video_id, count in promised.items() if count}
    assert faces.groupby("track_id").size().to_dict() == dict.fromkeys(tracks["track_id"], 2)


def assert_no_remains(catalog: Catalog) -> None:
    repair(catalog, stale_after_s=0)
    for name, frame in contents(catalog).items():
        assert raw(catalog, name).num_rows == len(frame)
