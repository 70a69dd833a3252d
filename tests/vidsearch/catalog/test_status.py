"""Numbers of a catalog by hand, also for rows of earlier versions."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from vidsearch.catalog.meta import CatalogMeta
from vidsearch.catalog.schema import VIDEOS
from vidsearch.catalog.status import CatalogStatus, summarise

META = CatalogMeta(pack="open", model_id="m", dim=4, created="2024-05-31T12:00:00+00:00")


def status_of(*rows: dict[str, Any], without: tuple[str, ...] = ()) -> CatalogStatus:
    schema = VIDEOS
    for name in without:
        schema = schema.remove(schema.get_field_index(name))
    base = dict.fromkeys(schema.names) | {"uri": "/a.mp4", "status": "indexed"}
    return summarise("c", META, pa.Table.from_pylist([base | row for row in rows], schema), 0)


def test_lengths_by_hand() -> None:
    # Read: 10 whole, 3 of 6, and 4 without a record of the part that was read. Failed: nothing.
    found = status_of(
        {"duration_s": 10.0, "read_s": 10.0},
        {"duration_s": 6.0, "read_s": 3.0, "status": "partial"},
        {"duration_s": 4.0},
        {"duration_s": 100.0, "status": "failed", "failure": "x"},
    )
    assert found.duration_s == 17.0
    assert found.share_read == pytest.approx(17 / 20)
    assert found.videos == {"indexed": 2, "partial": 1, "failed": 1}


def test_nothing_read_of_a_video_is_not_its_whole_length() -> None:
    assert status_of({"duration_s": 10.0, "read_s": 0.0, "status": "partial"}).share_read == 0.0


def test_videos_without_a_stated_length_say_nothing() -> None:
    assert status_of({}).share_read == 1.0


def test_a_table_of_an_earlier_version() -> None:
    found = status_of(
        {"duration_s": 10.0, "faces_seen": 3, "tracks": 2}, without=("faces_too_poor", "read_s")
    )
    assert (found.faces, found.faces_too_poor, found.tracks, found.duration_s) == (3, 0, 2, 10.0)


def test_problems_are_sorted_and_have_a_reason() -> None:
    found = status_of(
        {"uri": "/z.mp4", "status": "partial", "failure": None},
        {"uri": "/b.mp4", "status": "failed", "failure": "gone", "failure_error": "OSError"},
        {"uri": "file:///a%E9.mp4", "status": "failed", "failure": "torn", "failure_stage": "open"},
    )
    assert [(p.video, p.stage, p.error, p.message) for p in found.failures] == [
        ("/b.mp4", None, "OSError", "gone"),
        ("/a\udce9.mp4", "open", None, "torn"),
    ]
    assert [p.message for p in found.partly_read] == ["partial"]
