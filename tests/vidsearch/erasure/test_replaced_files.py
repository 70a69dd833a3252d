"""Erasure of a video whose path, or a part of it, belongs to another video too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.synthetic_catalog import make_video
from vidsearch.catalog import Catalog, CatalogWriter, KnownFile
from vidsearch.erasure.videos import forget_video
from vidsearch.errors import CatalogError


def add(catalog: Catalog, number: int, uri: str) -> None:
    with CatalogWriter(catalog) as writer:
        writer.add(make_video(number, tracks=1, uri=uri))


def events(catalog: Catalog, *lines: dict[str, str]) -> Path:
    assert catalog.root.path is not None
    path = catalog.root.path / "runs" / "r.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("other", ["/videos/a.mp4", "/backup/videos/a.mp4"])
def test_the_path_of_another_video_is_no_trace(catalog: Catalog, other: str) -> None:
    # The file was indexed and copied; then another video was written to its path.
    add(catalog, 0, "/videos/a.mp4")
    with CatalogWriter(catalog) as writer:
        writer.add_file(KnownFile("/copies/é.mp4", 1000, 5, "video-0000"))
    add(catalog, 1, other)
    log = events(
        catalog,
        {"video": "/videos/a.mp4", "video_id": "video-0000"},
        {"video": "/copies/é.mp4"},
        {"video": other, "video_id": "video-0001"},
    )
    receipt = forget_video(catalog, "video-0000")
    assert receipt.rows["tracks"] == 1
    assert receipt.log_lines == 2
    assert json.loads(log.read_text()) == {"video": other, "video_id": "video-0001"}
    left = catalog.videos(["video_id", "uri"]).to_pylist()
    assert left == [{"video_id": "video-0001", "uri": other}]
    assert catalog.tracks(["track_id"]).num_rows == 1


def test_a_name_that_is_not_utf8_is_searched_as_it_is_stored(catalog: Catalog) -> None:
    add(catalog, 0, "/videos/a.mp4")
    with CatalogWriter(catalog) as writer:
        writer.add_file(KnownFile("/videos/caf\udce9.mp4", 1000, 5, "video-0000"))
    catalog.root.child("notes.txt").write(b"file:///videos/caf%E9.mp4")
    with pytest.raises(CatalogError, match=r"notes\.txt.* still contains a trace"):
        forget_video(catalog, "video-0000")
