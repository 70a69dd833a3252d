"""Videos that pass a search filter."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.errors import ConfigError
from vidsearch.search.filter import SearchFilter, parse_time

# Synthetic video n is /archive/000n é film.mp4, changed n ns after 1_700_000_000 s (2023-11-14).
BEGUN = datetime.fromtimestamp(1_700_000_000, UTC)
LATER = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("search_filter", "numbers"),
    [
        (SearchFilter(videos=("video-0001", "/archive/0002 é film.mp4")), {1, 2}),
        (SearchFilter(folders=("/archive/",)), {0, 1, 2, 3}),
        (SearchFilter(videos=("/archive/0002 e\u0301 film.mp4", "video-0003")), {2, 3}),
        (SearchFilter(videos=("file:///archive/0002%20%C3%A9%20film.mp4",)), {2}),
        (SearchFilter(videos=("video-000",)), {0, 1, 2, 3}),
        (SearchFilter(since=BEGUN, until=LATER), {0, 1, 2, 3}),
    ],
)
def test_videos_that_pass_a_filter(
    catalog: Catalog, synthetic: ModuleType, search_filter: SearchFilter, numbers: set[int]
) -> None:
    with CatalogWriter(catalog) as writer:
        for number in range(4):
            writer.add(synthetic.make_video(number, status="indexed"))
    found = search_filter.video_ids(catalog)
    assert found is not None
    assert set(found) == {f"video-{number:04d}" for number in numbers}


@pytest.mark.parametrize(
    ("search_filter", "message"),
    [
        (SearchFilter(videos=("x",)), r"video 'x' is not in the catalog; pass an id"),
        (SearchFilter(folders=("/arch",)), "no video of the catalog lies in the folder '/arch'; "),
        (SearchFilter(folders=("/arch",)), "its videos lie in '/archive'$"),
        (SearchFilter(folders=("/x/archive",)), "its videos lie in '/archive'$"),
        (SearchFilter(folders=("",)), "'' names no folder"),
        (SearchFilter(folders=("/archive", "/elsewhere")), "lies in the folder '/elsewhere'"),
        (SearchFilter(videos=("video-0001",), folders=("/elsewhere",)), "folder '/elsewhere'"),
        (SearchFilter(since=LATER), "changed at 2024-01-01T00:00:00.00:00 or later; its videos"),
        (SearchFilter(until=BEGUN), "were changed from 2023-11-14T22:13:20.00:00 to 2023-11-14"),
        (
            SearchFilter(videos=("video-0001",), since=LATER),
            "no video of the catalog is in 'video-0001' and changed at 2024-01-01",
        ),
        (SearchFilter(videos=("video-0004",)), "none of the 1 video within these limits could be"),
    ],
)
def test_a_filter_that_no_video_passes_is_an_error(
    catalog: Catalog, synthetic: ModuleType, search_filter: SearchFilter, message: str
) -> None:
    with CatalogWriter(catalog) as writer:
        for number in range(5):
            writer.add(synthetic.make_video(number))  # number 4 failed
    with pytest.raises(ConfigError, match=message):
        search_filter.video_ids(catalog)


def test_a_filter_of_an_empty_catalog(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match="holds no video yet; 'vidsearch index' adds videos"):
        SearchFilter(folders=("/archive",)).video_ids(catalog)


def test_a_folder_named_through_a_link(
    catalog: Catalog, synthetic: ModuleType, tmp_path: Path
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    (real / "2010").mkdir(parents=True)
    link.symlink_to(real, target_is_directory=True)
    with CatalogWriter(catalog) as writer:
        for number, folder in enumerate((link / "2010", tmp_path)):
            uri = str(folder / "film.mp4")
            writer.add(synthetic.make_video(number, status="indexed", uri=uri))
    for folder in (real, real / "2010", link, link / "2010"):
        assert SearchFilter(folders=(str(folder),)).video_ids(catalog) == frozenset({"video-0000"})


def test_no_scope_and_wrong_ones(catalog: Catalog) -> None:
    assert SearchFilter().video_ids(catalog) is None
    with pytest.raises(ConfigError, match="since must lie before until"):
        SearchFilter(since=LATER, until=BEGUN)
    assert parse_time("2024-01-01") == LATER
    assert parse_time("2024-01-01T02:00:00+02:00") == LATER
    with pytest.raises(ConfigError, match="time 'soon' is not ISO 8601"):
        parse_time("soon")


@pytest.fixture
def lengths(catalog: Catalog, synthetic: ModuleType) -> Catalog:
    """Videos 0, 1 and 2 last 10, 20 and 30 seconds."""
    with CatalogWriter(catalog) as writer:
        for number in range(3):
            video = synthetic.make_video(number, status="indexed")
            record = dataclasses.replace(video.video, duration_s=10.0 * (number + 1))
            writer.add(dataclasses.replace(video, video=record))
    return catalog


@pytest.mark.parametrize(
    ("shortest_s", "longest_s", "numbers"),
    [(0, 20, (0, 1)), (20, None, (1, 2)), (11, 29, (1,)), (10, 10, (0,))],
)
def test_limits_of_length(
    lengths: Catalog, shortest_s: float, longest_s: float | None, numbers: tuple[int, ...]
) -> None:
    limited = SearchFilter(since=BEGUN).with_lengths(lengths, shortest_s, longest_s)
    assert set(limited.videos) == {f"video-{number:04d}" for number in numbers}
    assert limited.since == BEGUN


def test_limits_of_length_and_named_videos(lengths: Catalog) -> None:
    named = SearchFilter(videos=("video-0000", "video-0002"))
    assert named.with_lengths(lengths, 0, None) is named
    assert named.with_lengths(lengths, 15, None).videos == ("video-0002",)
    with pytest.raises(ConfigError, match="no video is within these limits; widen the filters"):
        named.with_lengths(lengths, 15, 25)
    with pytest.raises(ConfigError, match="'nowhere' is not in the catalog"):
        SearchFilter(videos=("nowhere",)).with_lengths(lengths, 15, 25)


@pytest.mark.parametrize(
    "folder",
    [
        "/films/d\u00e9cor caf\udce9",
        "/films/de\u0301cor caf\udce9/",
        "/films/d\u00e9cor caf\\xe9",
        "file:///films/d%C3%A9cor%20caf%E9",
        "./d\u00e9cor caf\udce9",
    ],
)
def test_a_folder_in_every_spelling(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    with CatalogWriter(catalog) as writer:
        writer.add(
            synthetic.make_video(0, status="indexed", uri="/films/de\u0301cor caf\udce9/a.mp4")
        )
        writer.add(synthetic.make_video(1, status="indexed", uri="/films/de\u0301cor caf/a.mp4"))
    monkeypatch.setattr("os.getcwd", lambda: "/films")
    assert SearchFilter(folders=(folder,)).video_ids(catalog) == frozenset({"video-0000"})
