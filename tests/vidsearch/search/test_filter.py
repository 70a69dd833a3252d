"""Videos that pass a search filter."""

from __future__ import annotations

from datetime import UTC, datetime
from types import ModuleType

import pytest

from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.errors import ConfigError
from vidsearch.search.filter import SearchFilter, parse_time

# Made-up video n is /archive/000n é film.mp4, changed n ns after 1_700_000_000 s (2023-11-14).
BEGUN = datetime.fromtimestamp(1_700_000_000, UTC)
LATER = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scope", "numbers"),
    [
        (SearchFilter(videos=("video-0001", "/archive/0002 é film.mp4")), {1, 2}),
        (SearchFilter(folders=("/archive/",)), {0, 1, 2, 3}),
        (SearchFilter(folders=("/arch",)), set()),
        (SearchFilter(videos=("video-0001",), folders=("/elsewhere",)), set()),
        (SearchFilter(since=BEGUN, until=LATER), {0, 1, 2, 3}),
        (SearchFilter(since=LATER), set()),
        (SearchFilter(until=BEGUN), set()),
    ],
)
def test_scopes(
    catalog: Catalog, synthetic: ModuleType, scope: SearchFilter, numbers: set[int]
) -> None:
    with CatalogWriter(catalog) as writer:
        for number in range(4):
            writer.add(synthetic.make_video(number, status="indexed"))
    found = scope.video_ids(catalog)
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
