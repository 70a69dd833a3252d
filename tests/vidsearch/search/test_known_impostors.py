"""Known impostor pairs of a catalog, and the sentences about the estimate they correct."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from vidsearch.catalog import Catalog, CatalogWriter, IndexedVideo
from vidsearch.catalog.people import add_person, judge
from vidsearch.datatypes import Matrix
from vidsearch.models.calibration import Calibration
from vidsearch.results.as_json import to_json
from vidsearch.results.as_text import to_text
from vidsearch.results.result import Coverage, SearchResult
from vidsearch.results.threshold_advice import FalseHitEstimate, FalseHits, KnownImpostorPairs
from vidsearch.search import known_impostors
from vidsearch.search.track_index import TrackSearcher

CURVE = Calibration(slope=10.0, intercept=-5.0, fitted_on="a test", pairs=2)
# With prior 0.5 the thresholds of 0.5, 0.9, 0.99 and 0.1 are 0.5, 0.72, 0.96 and 0.28.


def indexed_video(
    synthetic: ModuleType, number: int, cosines: list[float], quality: float
) -> IndexedVideo:
    """A video whose tracks share a frame; track n has this cosine with the first unit vector."""
    video = synthetic.make_video(number, tracks=len(cosines), status="indexed")
    tracks = []
    for row, (track, cosine) in enumerate(zip(video.tracks, cosines, strict=True)):
        vector = np.zeros(synthetic.DIM, np.float32)
        vector[0] = cosine
        vector[1 + (number + row) % (synthetic.DIM - 1)] = np.sqrt(1 - cosine**2)
        template = dataclasses.replace(track.template, vector=vector)
        faces = tuple(
            dataclasses.replace(face, time_s=1.0 if n == 0 else 2.0 + row)
            for n, face in enumerate(track.faces)
        )
        tracks.append(
            dataclasses.replace(track, template=template, faces=faces, quality=quality + row / 100)
        )
    return IndexedVideo(video.video, tuple(tracks))


@pytest.fixture
def archive(catalog: Catalog, synthetic: ModuleType) -> Catalog:
    """Videos 0 and 1 show two people each, 2 shows one."""
    with CatalogWriter(catalog) as writer:
        writer.add(indexed_video(synthetic, 0, [1.0, 0.1], 0.9))
        writer.add(indexed_video(synthetic, 1, [0.99, 0.8], 0.5))
        writer.add(indexed_video(synthetic, 2, [0.6], 0.4))
    return catalog


def tracks_of(catalog: Catalog, number: int) -> list[str]:
    rows = catalog.tracks(["track_id", "video_id", "quality"]).to_pylist()
    tracks = [row for row in rows if row["video_id"] == f"video-{number:04d}"]
    return [row["track_id"] for row in sorted(tracks, key=lambda row: row["quality"])]


def sample(synthetic: ModuleType) -> Matrix:
    rng = np.random.default_rng(0)
    return np.stack([synthetic.unit(rng) for _ in range(200)])


def measured(catalog: Catalog, synthetic: ModuleType) -> KnownImpostorPairs:
    return known_impostors.known_impostor_pairs(
        catalog, catalog.snapshot(), CURVE, 0.5, sample(synthetic)
    )


def test_thresholds_move_with_the_prior() -> None:
    assert known_impostors.threshold_table(CURVE, 0.5) == pytest.approx(
        [0.5, 0.5 + np.log(9) / 10, 0.5 + np.log(99) / 10, 0.5 - np.log(9) / 10]
    )
    assert known_impostors.threshold_table(CURVE, 0.01)[0] == pytest.approx(0.5 + np.log(99) / 10)


def test_without_names_there_is_no_pair(archive: Catalog, synthetic: ModuleType) -> None:
    # Pairs inside one video are not used, even if they are certain.
    assert measured(archive, synthetic) == KnownImpostorPairs()


def test_tracks_beside_a_named_person_elsewhere(archive: Catalog, synthetic: ModuleType) -> None:
    ann = add_person(archive, "Ann")
    judge(archive, [tracks_of(archive, 0)[0], tracks_of(archive, 1)[0]], ann, same=True)
    # The track beside Ann in video 0 and Ann in video 1 are a pair, and vice versa. A pair inside
    # one video is not used, nor the track of video 2, which may be Ann.
    found = measured(archive, synthetic)
    assert found.pairs == 2
    # 1.0 with 0.8 reaches 0.5 and 0.72; 0.99 with 0.1 nothing.
    assert found.reached == (1, 1, 0)
    assert all(0 < value < 2 for value in found.expected)
    assert found.expected[0] > found.expected[1] > found.expected[2]


def test_people_of_different_names(archive: Catalog, synthetic: ModuleType) -> None:
    ann, bob = add_person(archive, "Ann"), add_person(archive, "Bob")
    judge(archive, [tracks_of(archive, 0)[0]], ann, same=True)
    judge(archive, [tracks_of(archive, 2)[0]], bob, same=True)
    found = measured(archive, synthetic)
    # Ann and Bob: 0.6. The track beside Ann in video 0 lies in her own video, so it is not used.
    assert (found.pairs, found.reached) == (1, (1, 0, 0))


def test_rejected_tracks_are_not_used(archive: Catalog, synthetic: ModuleType) -> None:
    ann = add_person(archive, "Ann")
    judge(archive, [tracks_of(archive, 0)[0]], ann, same=True)
    judge(archive, [tracks_of(archive, 2)[0]], ann, same=False)
    assert measured(archive, synthetic).pairs == 0


def test_counts_are_cached_until_the_tables_change(
    archive: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = add_person(archive, "Ann"), add_person(archive, "Bob")
    judge(archive, [tracks_of(archive, 0)[0]], ann, same=True)
    judge(archive, [tracks_of(archive, 2)[0]], bob, same=True)
    first = measured(archive, synthetic)
    calls: list[int] = []
    measure = known_impostors._measure

    def counting(*arguments: Any) -> Any:
        calls.append(1)
        return measure(*arguments)

    monkeypatch.setattr(known_impostors, "_measure", counting)
    assert measured(archive, synthetic) == first
    assert not calls
    judge(archive, [tracks_of(archive, 1)[0]], bob, same=True)
    # Ann with both of Bob's, and the person beside Bob in video 1 with Bob in video 2.
    assert measured(archive, synthetic).pairs == 3
    assert calls
    archive.root.child("advice.json").write(b"{")
    assert measured(archive, synthetic).pairs == 3


def test_a_sample_holds_what_may_be_found(archive: Catalog, synthetic: ModuleType) -> None:
    searcher = TrackSearcher(archive)
    vectors, videos = searcher.sample(100)
    assert len(vectors) == 5
    assert sorted(np.bincount(videos).tolist()) == [1, 2, 2]
    vectors, videos = searcher.sample(100, {"video-0002"})
    assert vectors[:, 0] == pytest.approx([0.6])
    assert len(searcher.sample(3)[0]) == 3
    np.testing.assert_array_equal(searcher.sample(3)[0], searcher.sample(3)[0])


def result(estimate: FalseHitEstimate) -> SearchResult:
    return SearchResult("m", (), (), Coverage(500, 3, 60.0), false_hit_estimate=estimate)


def test_sentence_of_an_estimate() -> None:
    levels = (
        FalseHits(0.5, 1.24, 0.31, 3.1),
        FalseHits(0.9, 0.031, 0.002, 0.2),
        FalseHits(0.99, 0.0, 0.0, 0.0),
    )
    pairs = KnownImpostorPairs(40, (0, 0, 0), (0.1, 0, 0))
    search_result = result(FalseHitEstimate(500, 400, levels, pairs))
    text = " ".join(to_text(search_result).split())
    assert (
        "False hits to expect among 500 tracks: 1.2 from 0.5 (0.31 to 3.1), 0.03 from 0.9 (<0.01 "
        "to 0.20), 0 from 0.99 (0 to 0)."
    ) in text
    assert "the similarities of 400 tracks to this query" in text
    assert "corrected by 40 pairs of tracks" in text
    document = to_json(search_result)["false_hits"]
    assert (document["tracks"], document["tracks_compared"], document["certain_pairs"]) == (
        500,
        400,
        40,
    )
    assert document["levels"][0] == {
        "confidence": 0.5,
        "expected": 1.24,
        "at_least": 0.31,
        "at_most": 3.1,
    }


def test_sentence_without_an_estimate() -> None:
    search_result = result(FalseHitEstimate(18, 18, ()))
    text = " ".join(to_text(search_result).split())
    assert "is not known: the estimate needs 100 tracks of other people in 5 videos" in text
    assert "false_hits" not in to_json(search_result)
