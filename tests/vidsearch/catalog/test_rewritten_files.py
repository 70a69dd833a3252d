"""Files rewritten by a merge or a deletion hold text in another type and are read correctly."""

from __future__ import annotations

from types import ModuleType

import pytest

from vidsearch.catalog import Catalog, CatalogWriter


@pytest.fixture
def rewritten(catalog: Catalog, synthetic: ModuleType) -> Catalog:
    """Three videos with three tracks each, after a fourth one's rows were deleted.

    (``videos`` is written by a merge in the first place.)
    """
    with CatalogWriter(catalog) as writer:
        for number in range(4):
            writer.add(synthetic.make_video(number, tracks=3))
    for name in ("tracks", "faces"):
        catalog.table(name).open().delete("video_id = 'video-0003'")
    return catalog


def test_filters_find_rows_in_rewritten_files(rewritten: Catalog) -> None:
    videos = rewritten.videos(["video_id"], video_ids=["video-0000", "video-0002"])
    assert sorted(videos["video_id"].to_pylist()) == ["video-0000", "video-0002"]
    tracks = rewritten.tracks(["track_id"], video_ids=["video-0001"])["track_id"].to_pylist()
    assert len(tracks) == 3
    assert rewritten.tracks(["start_s"], track_ids=tracks[:2]).num_rows == 2
    assert rewritten.faces(["time_s"], track_ids=tracks[:1]).num_rows == 2
    assert rewritten.faces(["time_s"], video_ids=["video-0003"]).num_rows == 0
