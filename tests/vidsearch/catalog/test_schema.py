"""Rows of the tables: vectors in their order, and damaged vectors refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.synthetic_catalog import DIM, make_video
from vidsearch.catalog.records import IndexedVideo, VideoRecord, track_ids
from vidsearch.catalog.schema import face_rows, faces_schema, matrix, track_rows, video_rows
from vidsearch.errors import CatalogError


def chunks(*parts: list[list[float] | None]) -> pa.ChunkedArray:
    kind = pa.list_(pa.float32())
    return pa.chunked_array([pa.array(part, kind) for part in parts], kind)


def test_vectors_of_all_chunks_in_order() -> None:
    found = matrix(chunks([[1, 2]], [], [[3, 4], [5, 6]]), 2)
    assert found.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found.dtype == np.float32
    assert matrix(chunks(), 3).shape == (0, 3)


@pytest.mark.parametrize("rows", [[[1, 2], None], [[1, 2], [3]], [[1, 2], [3, 4, 5]], [[], [1]]])
def test_a_missing_or_short_vector_is_damage(rows: list[list[float] | None]) -> None:
    with pytest.raises(CatalogError, match="must have 2 numbers each; 2 rows hold"):
        matrix(chunks(rows), 2)


def test_a_slice_of_a_table_gives_its_own_vectors() -> None:
    # A filtered table is a view: the values before its first row are not its own.
    table = face_rows([make_video(0, tracks=3)], "run", DIM)
    embeddings = matrix(table["embedding"], DIM)
    assert (matrix(table.slice(2, 3)["embedding"], DIM) == embeddings[2:5]).all()


def test_faces_and_tracks_belong_together() -> None:
    videos = [make_video(0, tracks=2), make_video(1, tracks=0), make_video(2, tracks=1)]
    tracks, faces = track_rows(videos, "run", DIM), face_rows(videos, "run", DIM)
    expected = [name for v in videos for name in track_ids(v.video, v.tracks)]
    assert tracks["track_id"].to_pylist() == expected
    templates = matrix(tracks["template"], DIM)
    pooled = [track.template.vector for v in videos for track in v.tracks]
    assert (templates == np.stack(pooled)).all()
    # Two faces a track; position 0 is the best one.
    assert faces["track_id"].to_pylist() == [name for name in expected for _ in range(2)]
    assert faces["position"].to_pylist() == [0, 1] * 3
    third = videos[2].tracks[0].faces[1]
    last = faces.slice(5, 1).to_pylist()[0]
    assert last["landmarks"] == third.landmarks.ravel().tolist()
    assert last["aligned_jpeg"] == third.aligned_jpeg
    assert last["embedding"] == third.embedding.tolist()


def test_no_video_makes_empty_tables_of_all_columns() -> None:
    assert face_rows([], "run", DIM).schema == faces_schema(DIM)
    assert len(track_rows([], "run", DIM)) == 0


def test_a_reason_over_several_lines_becomes_one() -> None:
    record = VideoRecord(
        video_id="v",
        uri="/a",
        size=1,
        mtime_ns=1,
        status="failed",
        model_id="m",
        failure="no frame\n  could be\tdecoded ",
    )
    (row,) = video_rows([IndexedVideo(record)], "run").to_pylist()
    assert row["failure"] == "no frame could be decoded"
    assert row["duration_s"] is None
    assert row["tracks"] == 0
