"""Snapshots: only rows of visible attempts count, and partial reads equal the whole."""

from __future__ import annotations

import shutil
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.schema import face_rows, matrix, track_rows

DIM = 16


@pytest.fixture
def archive(catalog: Catalog, synthetic: ModuleType) -> Catalog:
    """Videos 0 to 3 in two commits, and rows of an attempt at video 1 that nobody published."""
    for first in (0, 2):
        with CatalogWriter(catalog) as writer:
            for number in (first, first + 1):
                writer.add(synthetic.make_video(number, tracks=2))
    dead = [synthetic.make_video(1, tracks=2)]
    catalog.table("tracks").append(track_rows(dead, "dead.000000000001", DIM))
    catalog.table("faces").append(face_rows(dead, "dead.000000000001", DIM))
    return catalog


def of_videos(attempts: pa.Table, *numbers: int) -> pa.Table:
    wanted = [f"video-{number:04d}" for number in numbers]
    return pa.Table.from_pylist(
        [row for row in attempts.to_pylist() if row["video_id"] in wanted], attempts.schema
    )


def test_an_unpublished_attempt_at_a_published_video_does_not_count(archive: Catalog) -> None:
    snapshot = archive.snapshot()
    assert len(snapshot.tracks(["track_id"])) == 8
    assert len(snapshot.faces(["track_id"])) == 16
    dead = snapshot.uncounted("tracks").to_pylist()
    assert dead == [{"video_id": "video-0001", "run_id": "dead.000000000001"}] * 2


@pytest.mark.parametrize("numbers", [(0,), (1, 3), (0, 1, 2, 3), ()])
def test_tracks_of_attempts_equal_the_filtered_whole(
    archive: Catalog, numbers: tuple[int, ...]
) -> None:
    snapshot = archive.snapshot()
    attempts = of_videos(snapshot.attempts, *numbers)
    rows, templates = snapshot.added_templates(DIM, attempts)
    whole = snapshot.tracks(video_ids=attempts["video_id"].to_pylist())
    expected = dict(
        zip(whole["track_id"].to_pylist(), matrix(whole["template"], DIM).tolist(), strict=True)
    )
    found = dict(zip(rows["track_id"].to_pylist(), templates.tolist(), strict=True))
    assert found == expected
    assert snapshot.count_added(attempts) == len(expected) == 2 * len(numbers)


def test_a_run_of_one_video_does_not_bring_another(archive: Catalog) -> None:
    # Both videos of a commit share its attempt; each pair is asked for on its own.
    snapshot = archive.snapshot()
    rows, _ = snapshot.added_templates(DIM, of_videos(snapshot.attempts, 2))
    assert set(rows["video_id"].to_pylist()) == {"video-0002"}


def test_templates_are_in_the_order_of_their_ids(archive: Catalog) -> None:
    snapshot = archive.snapshot()
    rows, templates = snapshot.templates(DIM)
    ids = rows["track_id"].to_pylist()
    assert ids == sorted(ids)
    for row in (0, 5):
        alone, vector = snapshot.templates(DIM, [ids[row]])
        assert alone.to_pylist() == rows.slice(row, 1).to_pylist()
        assert (vector[0] == templates[row]).all()
    memory = np.full((8, DIM), np.nan, np.float32)
    _, mapped = snapshot.templates(DIM, allocate=lambda shape: memory[: shape[0]])
    assert np.shares_memory(mapped, memory)
    assert (memory == templates).all()


def test_pieces_hold_every_face_once(archive: Catalog) -> None:
    snapshot = archive.snapshot()
    columns = ["track_id", "position", "embedding", "no such column"]
    pieces = pa.concat_tables([read(columns) for read in snapshot.face_pieces()])
    whole = snapshot.faces(columns[:3])

    def keyed(table: pa.Table) -> dict[tuple[str, int], list[float]]:
        return {(r["track_id"], r["position"]): r["embedding"] for r in table.to_pylist()}

    assert len(pieces) == len(whole) == 16
    assert keyed(pieces) == keyed(whole)


def test_a_snapshot_does_not_see_what_comes_later(archive: Catalog, synthetic: ModuleType) -> None:
    before = archive.snapshot()
    versions = dict(before.versions)
    with CatalogWriter(archive) as writer:
        writer.add(synthetic.make_video(5, tracks=1))
    assert len(before.tracks(["track_id"])) == 8
    assert len(archive.snapshot().tracks(["track_id"])) == 9
    assert before.versions == versions != archive.snapshot().versions


def test_faces_of_a_track_are_its_own(archive: Catalog, synthetic: ModuleType) -> None:
    video = synthetic.make_video(1, tracks=2)
    snapshot = archive.snapshot()
    ids = snapshot.tracks(["track_id", "start_s"], video_ids=["video-0001"]).to_pylist()
    second = next(row["track_id"] for row in ids if row["start_s"] == 1.0)
    rows = snapshot.faces(["position", "aligned_jpeg"], track_ids=[second]).to_pylist()
    assert [row["aligned_jpeg"] for row in sorted(rows, key=lambda row: row["position"])] == [
        face.aligned_jpeg for face in video.tracks[1].faces
    ]
    assert snapshot.faces(["position"], track_ids=[]).num_rows == 0


def test_columns_that_an_earlier_version_lacks_are_null(archive: Catalog) -> None:
    table = archive.table("videos")
    before = table.open().to_pyarrow_table().drop_columns(["read_s", "faces_too_poor"])
    shutil.rmtree(table.uri)
    table.create(before.schema)
    table.append(before)
    rows = archive.videos(["read_s", "video_id", "faces_too_poor"], ["video-0002"])
    assert rows.to_pylist() == [{"read_s": None, "video_id": "video-0002", "faces_too_poor": None}]
    assert archive.videos(["read_s"])["read_s"].to_pylist() == [None] * 4
