"""Search service of the app: faces to choose from, verdicts that change the result."""

from __future__ import annotations

import io
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipelines.demo.people import load_pictures
from ui.service import shared
from ui.service.searching import ArchiveSearcher, RecentFaces
from ui.service.verdicts import judge_hit
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import judgements, rename_person
from vidsearch.errors import CatalogError, ConfigError, PhotoError
from vidsearch.results import as_edl as cut_lists
from vidsearch.search.filter import SearchFilter
from vidsearch.search.person_search import SearchRequest, expected_wrong_hits
from vidsearch.search.query import QueryFace
from vidsearch.video.stills import jpeg


@pytest.fixture
def searcher(catalog: Catalog) -> ArchiveSearcher:
    return ArchiveSearcher(catalog)


def face(searcher: ArchiveSearcher, made: Path, slug: str) -> QueryFace:
    photo = made / "photos" / f"{slug}.jpg"
    return searcher.faces(photo.read_bytes(), photo.name).faces[0]


def test_every_face_of_a_photo_can_be_chosen(searcher: ArchiveSearcher) -> None:
    group = load_pictures()["group"]
    found = searcher.faces(jpeg(group, 1280), "group.jpg")
    assert len(found.faces) == 6
    areas = [float((f.box_xyxy[2:] - f.box_xyxy[:2]).prod()) for f in found.faces]
    assert areas == sorted(areas, reverse=True)
    assert [f.face for f in found.faces] == [1, 2, 3, 4, 5, 6]


def test_a_picture_without_a_face_gives_none(searcher: ArchiveSearcher) -> None:
    assert searcher.faces(jpeg(load_pictures()["coffee"]), "coffee.jpg").faces == ()
    with pytest.raises(PhotoError, match="SVG"):
        searcher.faces(b"<svg xmlns='x'><script>alert(1)</script></svg>", "x.svg")


def test_a_person_is_found_in_their_video(searcher: ArchiveSearcher, made: Path) -> None:
    judged = searcher.search(SearchRequest(faces=(face(searcher, made, "astronaut"),)))
    (hit,) = judged.result.likely
    assert Path(hit.video).name == "astronaut.mkv"
    assert hit.span.start_s == pytest.approx(1.0, abs=0.6)
    assert judged.result.thumbnails[hit.track_id].startswith(b"\xff\xd8")
    wrong = sum(1 - hit.confidence for hit in judged.result.hits)
    assert judged.expected_wrong_hits == pytest.approx(wrong)
    assert expected_wrong_hits(judged.result.likely) < 0.1


def test_a_rejected_hit_is_pushed_out_and_comes_back(
    searcher: ArchiveSearcher, made: Path, catalog: Catalog
) -> None:
    query = (face(searcher, made, "lace"),)
    before = searcher.search(SearchRequest(faces=query)).result.hits
    wrong = before[0].track_id
    person = judge_hit(catalog, wrong, None, same=False).person_id
    judged = searcher.search(SearchRequest(faces=query, person_id=person))
    assert wrong not in {hit.track_id for hit in judged.result.hits}
    assert [hit.track_id for hit in judged.rejected] == [wrong]
    assert [hit.rank for hit in judged.result.hits] == list(range(1, len(judged.result.hits) + 1))
    assert judge_hit(catalog, wrong, person, same=True).person_id == person
    judged = searcher.search(SearchRequest(faces=query, person_id=person))
    assert judged.rejected == ()
    assert judged.confirmed == {wrong}


def test_a_confirmed_track_makes_its_own_person_likelier(
    searcher: ArchiveSearcher, made: Path, catalog: Catalog
) -> None:
    query = (face(searcher, made, "red-shirt"),)
    first = searcher.search(SearchRequest(faces=query)).result.hits[0]
    person = judge_hit(catalog, first.track_id, None, same=True).person_id
    rename_person(catalog, person, "Player <i>in red</i>")
    second = searcher.search(SearchRequest(faces=query, person_id=person)).result.hits[0]
    assert second.track_id == first.track_id
    assert second.similarity > first.similarity
    assert second.person == "Player <i>in red</i>"
    # A query alone says who it looks like; the verdicts take no part.
    assert searcher.people_like(query, ()) == (person,)
    assert searcher.people_like((face(searcher, made, "lace"),), ()) == ()
    assert searcher.people_like((), [first.track_id]) == (person,)
    with pytest.raises(ConfigError, match="shows 'Player <i>in red</i>' already"):
        judge_hit(catalog, first.track_id, None, same=True)
    assert len(judgements(catalog).names) == 1


def test_more_like_this_finds_the_track_itself(searcher: ArchiveSearcher, made: Path) -> None:
    start = searcher.search(SearchRequest(faces=(face(searcher, made, "astronaut"),))).result.hits[
        0
    ]
    judged = searcher.search(SearchRequest(tracks=(start.track_id,)))
    assert judged.result.hits[0].track_id == start.track_id
    assert judged.result.hits[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert "astronaut.mkv at 0:00:0" in judged.result.query[0].photo


def test_filters_confine_the_search(searcher: ArchiveSearcher, made: Path) -> None:
    query = (face(searcher, made, "red-shirt"),)
    sub = SearchFilter(folders=(str(made / "archive" / "sub"),))
    inside = searcher.search(SearchRequest(faces=query, search_filter=sub, min_confidence=0)).result
    assert {Path(hit.video).parent.name for hit in inside.hits} == {"sub"}
    assert inside.coverage.videos == 2
    # The videos last 3.0, 3.5 and 2.0 s.
    long = SearchRequest(faces=query, shortest_s=2.9, longest_s=3.2, min_confidence=0)
    assert {Path(hit.video).name for hit in searcher.search(long).result.hits} == {"astronaut.mkv"}
    with pytest.raises(ConfigError, match="no video is within these limits"):
        searcher.search(SearchRequest(faces=query, shortest_s=1e6))
    with pytest.raises(ConfigError, match="choose a photo"):
        searcher.search(SearchRequest())


def test_cut_lists(searcher: ArchiveSearcher, made: Path) -> None:
    request = SearchRequest(faces=(face(searcher, made, "red-shirt"),), min_confidence=0.5)
    result = searcher.search(request).result
    vtt = cut_lists.to_webvtt(result)
    (hit,) = result.hits
    assert vtt.startswith("WEBVTT\n")
    assert "cards &lt;b&gt;night.mp4" in vtt
    assert f"00:00:0{hit.span.start_s:.3f} --> 00:00:0{hit.span.end_s:.3f}" in vtt
    edl = cut_lists.to_edl(result).splitlines()
    first, last = round(hit.span.start_s * 25), round(hit.span.end_s * 25)
    long = last - first
    code = [f"00:00:{frames // 25:02d}:{frames % 25:02d}" for frames in (first, last, 0, long)]
    assert edl[3] == "001  AX       V     C        " + " ".join(code)


def test_only_the_latest_photos_of_a_session_are_kept(
    searcher: ArchiveSearcher, made: Path
) -> None:
    found = searcher.faces((made / "photos" / "lace.jpg").read_bytes(), "lace.jpg")
    recent = RecentFaces(max_photos=2)
    for key in "abc":
        recent.put(key, found)
    assert recent.get("a") is None
    recent.keep_only(["c"])
    assert recent.get("b") is None
    assert recent.get("c") is found


def test_the_estimate_is_prepared_in_a_thread(searcher: ArchiveSearcher, made: Path) -> None:
    request = SearchRequest(faces=(face(searcher, made, "astronaut"),))
    searcher.search(request)
    deadline = time.monotonic() + 60
    while searcher.preparing_estimate and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not searcher.preparing_estimate
    # This archive is too small for an estimate, which is cached.
    estimate = searcher.search(request).result.false_hit_estimate
    assert estimate is not None
    assert estimate.levels == ()
    assert not searcher.preparing_estimate
    searcher.warm()


def test_a_photo_is_cached_small(searcher: ArchiveSearcher) -> None:
    photo = searcher.faces(jpeg(load_pictures()["group"], 1280), "group.jpg")
    assert max(photo.size_wh) == 1280
    assert len(photo.jpeg) < 200_000
    with Pillow.open(io.BytesIO(photo.jpeg)) as display:
        assert max(display.size) == 720


def test_a_catalog_is_opened_once_until_it_is_another(own: Path, made: Path) -> None:
    first = shared.catalog(str(own))
    assert shared.catalog(str(own)) is first
    shutil.rmtree(own)
    with pytest.raises(CatalogError):
        shared.catalog(str(own))
    shutil.copytree(made / "catalog", own)
    assert shared.catalog(str(own)) is not first
