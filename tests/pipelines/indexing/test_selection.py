"""Files of a run: which are read, and which are known, quarantined or tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.indexing.selection import (
    QUARANTINE_STAGE,
    known_contents_by_size,
    select_files,
)
from pipelines.stages.options import IndexConfig
from tests.helpers.synthetic_catalog import DIM, MODEL_ID, make_video
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.erasure.videos import forget_video
from vidsearch.errors import ConfigError
from vidsearch.video.discover import VideoSource

FAILED: dict[str, Any] = {"status": "failed", "failure": "x", "failure_error": "E"}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A video that is indexed, one that failed, and one that killed its workers."""
    made = Catalog.create(tmp_path / "c", pack="toy", model_id=MODEL_ID, dim=DIM)
    with CatalogWriter(made) as writer:
        writer.add(make_video(0, uri="/good", size=10, mtime_ns=1))
        writer.add(make_video(1, uri="/bad", size=20, mtime_ns=1, failure_stage="decode", **FAILED))
        writer.add(
            make_video(
                2, uri="/deadly", size=30, mtime_ns=1, failure_stage=QUARANTINE_STAGE, **FAILED
            )
        )
    return made


def source(uri: str, size: int, mtime_ns: int = 1) -> VideoSource:
    return VideoSource(uri, size, mtime_ns)


KNOWN = [source("/good", 10), source("/bad", 20), source("/deadly", 30)]


def selected(catalog: Catalog, *files: VideoSource, **config: Any) -> tuple[list[str], int, int]:
    """Return the files to index, the number of quarantined ones, and of skipped ones."""
    found = select_files(catalog, files, IndexConfig(**config))
    return [file.uri for file in found.to_index], len(found.quarantined), found.skipped


def test_only_a_failure_is_tried_again(catalog: Catalog) -> None:
    assert selected(catalog, *KNOWN) == (["/bad"], 1, 1)


def test_copies_in_a_recycle_bin_come_after_live_ones(catalog: Catalog) -> None:
    files = (source("/#recycle/a", 50), source("/z", 50), source("/large", 60))
    assert selected(catalog, *files)[0] == ["/large", "/z", "/#recycle/a"]


def test_changed_files_whose_earlier_content_can_be_searched(catalog: Catalog) -> None:
    files = (source("/good", 11), source("/bad", 20), source("/new", 5))
    assert select_files(catalog, files, IndexConfig()).searchable == {"/good"}


def test_a_quarantined_file_needs_its_own_option(catalog: Catalog) -> None:
    assert selected(catalog, *KNOWN, again=True) == (["/bad", "/good"], 1, 0)
    assert selected(catalog, *KNOWN, retry_failed=True) == (["/deadly", "/bad"], 0, 1)


@pytest.mark.parametrize("changed", [source("/deadly", 31), source("/deadly", 30, 2)])
def test_a_changed_file_leaves_the_quarantine(catalog: Catalog, changed: VideoSource) -> None:
    assert selected(catalog, changed) == (["/deadly"], 0, 0)


def test_the_longest_first_and_equal_ones_by_path(catalog: Catalog) -> None:
    files = [source("/b", 5), source("/a", 5), source("/long", 99)]
    assert selected(catalog, *files)[0] == ["/long", "/a", "/b"]


def test_a_quarantined_file_states_its_failure(catalog: Catalog) -> None:
    (failure,) = select_files(catalog, KNOWN, IndexConfig()).quarantined
    assert (failure.source.uri, failure.stage, failure.video_id) == (
        "/deadly",
        QUARANTINE_STAGE,
        "video-0002",
    )


def test_contents_that_a_copy_need_not_repeat(catalog: Catalog) -> None:
    def known(**config: Any) -> dict[int, frozenset[str]]:
        return known_contents_by_size(catalog, IndexConfig(**config))

    good, deadly = {10: frozenset({"video-0000"})}, {30: frozenset({"video-0002"})}
    assert known() == good | deadly
    assert known(again=True) == deadly
    assert known(retry_failed=True) == good
    assert known(again=True, retry_failed=True) == {}


@pytest.mark.parametrize("minutes", [-1.0, float("nan"), float("inf")])
def test_slices_have_a_length(minutes: float) -> None:
    with pytest.raises(ConfigError, match="slice"):
        IndexConfig(slice_minutes=minutes)


def test_an_erased_content_comes_back_only_on_request(catalog: Catalog) -> None:
    forget_video(catalog, "video-0000")
    found = select_files(catalog, KNOWN[:1], IndexConfig())
    assert [file.uri for file in found.to_index] == ["/good"]
    assert found.erased == {"video-0000"}
    # The task finds the content in this table and does not decode the file.
    assert known_contents_by_size(catalog, IndexConfig())[10] == {"video-0000"}
    assert select_files(catalog, KNOWN[:1], IndexConfig(again=True)).erased == frozenset()
    assert 10 not in known_contents_by_size(catalog, IndexConfig(again=True))
    with CatalogWriter(catalog) as writer:
        writer.add(make_video(0, uri="/good", size=10, mtime_ns=1))
    assert select_files(catalog, KNOWN[:1], IndexConfig()).erased == frozenset()
