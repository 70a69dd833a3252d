"""The real clips: the right people at the right times, nobody who is not there.

In ``short_hamilton_clip.mp4`` (cuts at 0.70, 2.77 and 7.07 s after its first picture, which is
shown at 0.84 s; frames looked at one by one): Lin-Manuel Miranda stands at the microphone from the
first picture to 1.51 s and alone from 3.58 to 7.88 s; Alex Lacamoire sits at the left until 1.51 s
and is a large profile after it; then comes the audience, Barack Obama among them in profile.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import index
from vidsearch import Catalog
from vidsearch.models.registry import LoadedPack
from vidsearch.search.search import PhotoSearcher, SearchOptions

pytestmark = pytest.mark.media

ABSENT = (
    "biden.jpg",
    "kit_harington_john1.jpeg",
    "kit_harington_john2.jpeg",
    "rose_leslie_img1.jpg",
    "rose_leslie_img2.jpg",
)


@pytest.fixture(scope="module")
def searcher(
    media: Path, tmp_path_factory: pytest.TempPathFactory, models: LoadedPack
) -> PhotoSearcher:
    catalog = tmp_path_factory.mktemp("real") / "catalog"
    report = index(catalog, [media / "videos"])
    assert (report.indexed, report.failed, report.partly_read) == (4, 0, ())
    return PhotoSearcher(Catalog.open(catalog), models)


def test_the_singer_is_found_in_both_his_shots(searcher: PhotoSearcher, media: Path) -> None:
    photo = media / "photos/face_recognition/lin-manuel-miranda.png"
    first, second = searcher.search([photo]).hits[:2]
    assert Path(first.video).name == Path(second.video).name == "short_hamilton_clip.mp4"
    assert first.confidence > 0.9
    assert (first.span.start_s, first.span.end_s) == pytest.approx((3.58, 7.88), abs=0.05)
    assert second.confidence > 0.5
    assert (second.span.start_s, second.span.end_s) == pytest.approx((0.84, 1.51), abs=0.05)


@pytest.mark.parametrize("photo", ["alex-lacamoire.png", "alex_lacamoire1.jpg"])
def test_the_pianist_comes_first(searcher: PhotoSearcher, media: Path, photo: str) -> None:
    best = searcher.search([media / "photos/face_recognition" / photo]).hits[0]
    assert Path(best.video).name == "short_hamilton_clip.mp4"
    assert (best.span.start_s, best.span.end_s) == pytest.approx((0.84, 1.51), abs=0.05)


@pytest.mark.parametrize("photo", ABSENT)
def test_nobody_who_is_not_there(searcher: PhotoSearcher, media: Path, photo: str) -> None:
    options = SearchOptions(min_confidence=0.5)
    assert searcher.search([media / "photos/face_recognition" / photo], options).hits == ()


def test_one_person_is_one_track_a_shot(searcher: PhotoSearcher) -> None:
    catalog = searcher._catalog
    uris = {row["video_id"]: Path(row["uri"]).name for row in catalog.videos().to_pylist()}
    shots = [
        (uris[row["video_id"]], row["shot"])
        for row in catalog.tracks(["video_id", "shot"]).to_pylist()
    ]
    # One person talks in one shot from beginning to end, turning their head.
    for clip in ("liveportrait_d5.mp4", "liveportrait_d7.mp4", "liveportrait_d8.mp4"):
        assert shots.count((clip, 0)) == 1, clip


def test_a_file_with_a_hole_is_partly_read_and_searchable(
    media: Path, tmp_path: Path, models: LoadedPack
) -> None:
    holed = bytearray((media / "videos/short_hamilton_clip.mp4").read_bytes())
    middle = len(holed) // 3
    holed[middle : middle + 30_000] = bytes(30_000)
    (tmp_path / "holed.mp4").write_bytes(holed)
    report = index(tmp_path / "catalog", [tmp_path / "holed.mp4"])
    ((uri, missing),) = report.partly_read
    assert (report.indexed, report.failed) == (1, 0)
    assert uri.endswith("holed.mp4")
    assert "%" in missing or "of 275 frames" in missing
    catalog = Catalog.open(tmp_path / "catalog")
    assert catalog.status().videos == {"indexed": 0, "partial": 1, "failed": 0}
    found = PhotoSearcher(catalog, models).search(
        [media / "photos/face_recognition/lin-manuel-miranda.png"]
    )
    assert found.hits[0].confidence > 0.9
    assert found.coverage.partial_videos == 1
