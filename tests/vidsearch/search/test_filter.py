"""Videos that pass a search filter."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
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
        (SearchFilter(folders=("/arch",)), set()),
        (SearchFilter(folders=("",)), set()),
        (SearchFilter(videos=("/archive/0002 e\u0301 film.mp4", "video-0003")), {2, 3}),
        (SearchFilter(videos=("file:///archive/0002%20%C3%A9%20film.mp4",)), {2}),
        (SearchFilter(videos=("video-000",)), {0, 1, 2, 3}),
        (SearchFilter(videos=("video-0001",), folders=("/elsewhere",)), set()),
        (SearchFilter(since=BEGUN, until=LATER), {0, 1, 2, 3}),
        (SearchFilter(since=LATER), set()),
        (SearchFilter(until=BEGUN), set()),
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


def test_no_scope_and_wrong_ones(catalog: Catalog) -> None:
    assert SearchFilter().video_ids(catalog) is None
    with pytest.raises(ConfigError, match=r"video 'x' is not in the catalog; pass an id"):
        SearchFilter(videos=("x",)).video_ids(catalog)
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
