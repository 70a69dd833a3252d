"""Maintenance: which rows and videos are removed, and which must stay."""

from __future__ import annotations

import time
from types import ModuleType

import pyarrow as pa
import pytest

from vidsearch.catalog import Catalog, CatalogWriter, KnownFile
from vidsearch.catalog.maintenance import remove_incomplete, remove_replaced, repair
from vidsearch.catalog.schema import FILES, file_rows, track_rows

DIM = 16


@pytest.fixture
def archive(catalog: Catalog, synthetic: ModuleType) -> Catalog:
    """Videos 0 to 2 with two tracks each."""
    with CatalogWriter(catalog) as writer:
        for number in range(3):
            writer.add(synthetic.make_video(number, tracks=2))
    return catalog


def video_ids(catalog: Catalog) -> set[str]:
    return set(catalog.videos(["video_id"])["video_id"].to_pylist())


def now_holds(catalog: Catalog, number: int, video_id: str) -> None:
    """Record that the file of a video now has other content."""
    (row,) = catalog.videos(["video_id", "uri"], [f"video-{number:04d}"]).to_pylist()
    files = catalog.table("files")
    files.delete(f"video_id = 'video-{number:04d}'")
    files.append(file_rows([KnownFile(row["uri"], 7, 7, video_id)]))


def test_a_video_whose_only_file_was_overwritten_is_retired(archive: Catalog) -> None:
    now_holds(archive, 1, "other content")
    assert remove_replaced(archive) == 1
    assert video_ids(archive) == {"video-0000", "video-0002"}
    assert remove_replaced(archive) == 0


def test_a_copy_elsewhere_keeps_the_video(archive: Catalog) -> None:
    now_holds(archive, 1, "other content")
    archive.table("files").append(file_rows([KnownFile("/backup/1.mp4", 7, 7, "video-0001")]))
    assert remove_replaced(archive) == 0


def test_a_video_without_a_known_file_stays(archive: Catalog) -> None:
    # A run that was killed between two commits leaves a video without a row in ``files``.
    archive.table("files").delete("true")
    assert remove_replaced(archive) == 0
    assert len(video_ids(archive)) == 3


def test_videos_with_lost_or_doubled_tracks_are_given_up(
    archive: Catalog, synthetic: ModuleType
) -> None:
    lost = archive.tracks(["track_id"], video_ids=["video-0000"])["track_id"][0].as_py()
    archive.table("tracks").delete(f"track_id = '{lost}'")
    runs = dict(zip(*archive.videos(["video_id", "run_id"]).to_pydict().values(), strict=True))
    doubled = track_rows([synthetic.make_video(2, tracks=1)], runs["video-0002"], DIM)
    archive.table("tracks").append(doubled)
    assert remove_incomplete(archive) == 2
    assert video_ids(archive) == {"video-0001"}


def run_id(age_s: float) -> str:
    """Return the id of an attempt that began so long ago."""
    return f"run.{int((time.time() - age_s) * 1000):012x}"


def test_only_attempts_that_are_old_enough_are_dead(
    archive: Catalog, synthetic: ModuleType
) -> None:
    video = [synthetic.make_video(9, tracks=3, status="indexed")]
    for attempt in (run_id(7200), run_id(60), "no time in this id"):
        archive.table("tracks").append(track_rows(video, attempt, DIM))
    report = repair(archive, stale_after_s=3600)
    assert (report.rows, report.videos) == (6, 0)
    left = archive.snapshot().uncounted("tracks")["run_id"].unique().to_pylist()
    assert len(left) == 1, "the attempt of a minute ago may still be running"
    assert archive.tracks(["track_id"]).num_rows == 6


def test_ids_with_quotes_are_deleted_and_nothing_else(
    archive: Catalog, synthetic: ModuleType
) -> None:
    nasty = "run' OR 'a' = 'a.000000000001"
    video = [synthetic.make_video(9, tracks=2, status="indexed", video_id="v' OR '1' = '1")]
    archive.table("tracks").append(track_rows(video, nasty, DIM))
    assert repair(archive).rows == 2
    assert archive.tracks(["track_id"]).num_rows == 6


def test_hundreds_of_dead_videos_take_several_statements(archive: Catalog) -> None:
    rows = track_rows([], "r", DIM)
    empty = dict.fromkeys(rows.schema.names)
    dead = [
        {**empty, "track_id": f"t{n}", "video_id": f"v{n}", "run_id": f"r{n % 3}.000000000001"}
        for n in range(700)
    ]
    archive.table("tracks").append(pa.Table.from_pylist(dead, rows.schema))
    assert repair(archive).rows == 700
    assert archive.tracks(["track_id"]).num_rows == 6
    assert archive.table("files").read().schema.names == FILES.names
