"""Search of a catalog with made-up vectors: right track, right person, right path, right amount."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.helpers.synthetic_catalog import make_video
from vidsearch.catalog import Catalog, CatalogWriter, IndexedVideo, KnownFile
from vidsearch.catalog.people import add_person, judge
from vidsearch.datatypes import Vector
from vidsearch.errors import CatalogModelError, ConfigError
from vidsearch.models.open_pack import OPEN
from vidsearch.models.registry import LoadedPack
from vidsearch.search.query import QueryFace
from vidsearch.search.search import PRIOR, PhotoSearcher, SearchOptions

DIM = 16
PACK = LoadedPack(OPEN, cast("Any", None), cast("Any", None))
QUICK = SearchOptions(estimate_false_hits=False)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.create(tmp_path / "c", pack="open", model_id=OPEN.model_id, dim=DIM)


def axis(*numbers: int) -> Vector:
    """Return the unit vector between these axes."""
    vector = np.zeros(DIM, np.float32)
    vector[list(numbers)] = 1 / np.sqrt(len(numbers))
    return vector


def add(catalog: Catalog, number: int, *templates: Vector, **changes: Any) -> None:
    video = make_video(number, tracks=len(templates), model_id=OPEN.model_id, **changes)
    tracks = tuple(
        dataclasses.replace(track, template=dataclasses.replace(track.template, vector=vector))
        for track, vector in zip(video.tracks, templates, strict=True)
    )
    with CatalogWriter(catalog) as writer:
        writer.add(IndexedVideo(video.video, tracks))


def track_ids(catalog: Catalog, number: int) -> list[str]:
    rows = catalog.tracks(["track_id", "start_s"], video_ids=[f"video-{number:04d}"]).to_pylist()
    return [row["track_id"] for row in sorted(rows, key=lambda row: row["start_s"])]


def face(embedding: Vector) -> QueryFace:
    return QueryFace(
        photo="p.jpg",
        box_xyxy=np.array([0, 0, 9, 9], np.float32),
        quality=0.9,
        embedding=embedding,
        aligned=np.zeros((8, 8, 3), np.uint8),
        faces_in_photo=1,
        face=1,
        model_id=OPEN.model_id,
    )


def test_hits_are_ranked_by_similarity_with_calibrated_confidence(catalog: Catalog) -> None:
    add(catalog, 0, axis(1), axis(0, 1), axis(0))
    result = PhotoSearcher(catalog, PACK).search_faces([face(7 * axis(0))], QUICK)
    far, near, same = track_ids(catalog, 0)
    assert [hit.track_id for hit in result.hits] == [same, near, far]
    assert [hit.rank for hit in result.hits] == [1, 2, 3]
    cosines = [1.0, np.sqrt(0.5), 0.0]
    assert [hit.similarity for hit in result.hits] == pytest.approx(cosines, abs=1e-6)
    expected = OPEN.calibration.confidence(np.array(cosines), prior=PRIOR)
    assert [hit.confidence for hit in result.hits] == pytest.approx(list(expected), rel=1e-4)


def test_hits_below_the_least_confidence_leave_no_gap(catalog: Catalog) -> None:
    add(catalog, 0, axis(1), axis(0), axis(0, 2))
    searcher = PhotoSearcher(catalog, PACK)
    options = dataclasses.replace(QUICK, min_confidence=0.5)
    hits = searcher.search_faces([face(axis(0))], options).hits
    assert all(hit.confidence >= 0.5 for hit in hits)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert hits[0].track_id == track_ids(catalog, 0)[1]


def test_a_photo_and_a_track_weigh_the_same(catalog: Catalog) -> None:
    # The photo's raw embedding is long; the query must still lie half-way between both.
    add(catalog, 0, axis(1), axis(0, 1))
    known, between = track_ids(catalog, 0)
    searcher = PhotoSearcher(catalog, PACK)
    result = searcher.search_faces([face(50 * axis(0))], QUICK, [known, "deleted"])
    assert result.hits[0].track_id == between
    assert result.hits[0].similarity == pytest.approx(1.0, abs=1e-6)


def test_a_search_needs_a_face_or_a_track(catalog: Catalog) -> None:
    add(catalog, 0, axis(0))
    with pytest.raises(ConfigError, match="photo"):
        PhotoSearcher(catalog, PACK).search_faces([], QUICK, ["deleted"])


def test_a_query_of_tracks_names_video_and_time(catalog: Catalog) -> None:
    add(catalog, 0, axis(0), uri="/videos/é.mp4")
    result = PhotoSearcher(catalog, PACK).search_faces([], QUICK, track_ids(catalog, 0))
    # The best face of the made-up track is at half a second.
    assert [photo.photo for photo in result.query] == ["/videos/é.mp4 at 0:00:00.5"]


def test_the_path_of_a_hit_exists(catalog: Catalog, tmp_path: Path) -> None:
    moved = tmp_path / "moved.mp4"
    moved.write_bytes(b"x")
    add(catalog, 0, axis(0), uri="/gone/a.mp4")
    with CatalogWriter(catalog) as writer:
        writer.add_file(KnownFile(str(moved), 1, 1, "video-0000"))
        writer.add_file(KnownFile("/gone/too.mp4", 1, 1, "video-0000"))
    (hit,) = PhotoSearcher(catalog, PACK).search_faces([face(axis(0))], QUICK).hits
    assert hit.video == str(moved)


def test_a_video_that_no_file_row_knows_keeps_its_own_name(catalog: Catalog) -> None:
    # A killed run can leave this; the name is not UTF-8 and is stored as a URL.
    add(catalog, 0, axis(0), uri="/videos/caf\udce9.mp4")
    catalog.table("files").delete("true")
    (hit,) = PhotoSearcher(catalog, PACK).search_faces([face(axis(0))], QUICK).hits
    assert hit.video == "/videos/caf\udce9.mp4"


def test_a_hit_names_the_person_of_the_latest_verdict(catalog: Catalog) -> None:
    add(catalog, 0, axis(0), axis(1))
    first, second = track_ids(catalog, 0)
    ada, bob = add_person(catalog, "Ada"), add_person(catalog, "Bob")
    judge(catalog, [first, second], ada, same=True)
    judge(catalog, [first], bob, same=True, take_from=[ada])
    hits = PhotoSearcher(catalog, PACK).search_faces([face(axis(0))], QUICK).hits
    assert {hit.track_id: hit.person for hit in hits} == {first: "Bob", second: "Ada"}


def test_coverage_counts_what_was_searched(catalog: Catalog) -> None:
    add(catalog, 0, axis(0), duration_s=10.0, read_s=10.0)
    add(catalog, 1, axis(1), status="partial", failure="torn", duration_s=10.0, read_s=4.0)
    add(catalog, 4, duration_s=10.0)  # every fifth made-up video fails
    coverage = PhotoSearcher(catalog, PACK).search_faces([face(axis(0))], QUICK).coverage
    assert (coverage.tracks, coverage.videos, coverage.duration_s) == (2, 2, 14.0)
    assert (coverage.failed_videos, coverage.partial_videos) == (1, 1)


def test_videos_of_an_earlier_version_count_with_their_length(catalog: Catalog) -> None:
    # Earlier versions had no column ``read_s``; ``vidsearch status`` counts the whole length, too.
    add(catalog, 0, axis(0), duration_s=10.0)
    table = catalog.table("videos")
    before = table.open().to_pyarrow_table().drop_columns(["read_s", "faces_too_poor"])
    shutil.rmtree(table.uri)
    table.create(before.schema)
    table.append(before)
    coverage = PhotoSearcher(catalog, PACK).search_faces([face(axis(0))], QUICK).coverage
    assert coverage.duration_s == catalog.status().duration_s == 10.0


def test_a_pack_of_another_model_is_refused(tmp_path: Path) -> None:
    other = Catalog.create(tmp_path / "other", pack="x", model_id="other", dim=DIM)
    with pytest.raises(CatalogModelError, match="other"):
        PhotoSearcher(other, PACK)
