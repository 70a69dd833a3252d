"""Order of a video's paths: what exists, what is remote, what is gone; recycle bins last."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from vidsearch.catalog.sources.live_path import live_first


def test_the_order_does_not_depend_on_the_order_given(tmp_path: Path) -> None:
    film, recycled = tmp_path / "film.mp4", tmp_path / "#recycle" / "film.mp4"
    recycled.parent.mkdir()
    for path in (film, recycled):
        path.write_bytes(b"x")
    remote, gone, gone_twice = "s3://bucket/film.mp4", "/gone/film.mp4", "/gone/.Trash-1/film.mp4"
    expected = [str(film), str(recycled), remote, gone, gone_twice]
    for paths in permutations(expected):
        assert live_first(paths) == expected


def test_equal_paths_keep_their_order_and_odd_ones_are_gone() -> None:
    assert live_first(["/gone/b", "/gone/a", "nul\0"]) == ["/gone/b", "/gone/a", "nul\0"]
    assert live_first([]) == []
