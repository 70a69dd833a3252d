"""Versions of the vectors: one write publishes them, and the folders of others are removed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.versions import (
    WORK,
    discard_staged,
    is_current,
    publish,
    reembedding_lock,
    remove_superseded,
    stage,
)
from vidsearch.errors import CatalogConflictError, CatalogError


@pytest.fixture
def archive(catalog: Catalog, synthetic: ModuleType) -> Catalog:
    with CatalogWriter(catalog) as writer:
        writer.add(synthetic.make_video(0, tracks=2))
    return catalog


def folders(catalog: Catalog) -> set[str]:
    return set(catalog.root.names())


def test_staged_vectors_are_invisible_until_published(archive: Catalog) -> None:
    staged = stage(archive, "other", "other-8", 8)
    assert Catalog.open(archive.uri).meta == archive.meta
    publish(archive, staged, archive.snapshot())
    opened = Catalog.open(archive.uri)
    assert (opened.meta.model_id, opened.dim) == ("other-8", 8)
    assert opened.tracks(["track_id"]).num_rows == 0


def test_a_video_added_meanwhile_is_not_lost(archive: Catalog, synthetic: ModuleType) -> None:
    snapshot = archive.snapshot()
    staged = stage(archive, "other", "other-8", 8)
    with CatalogWriter(archive) as writer:
        writer.add(synthetic.make_video(1, tracks=1))
    with pytest.raises(CatalogConflictError, match="videos were added to or removed"):
        publish(archive, staged, snapshot)
    assert Catalog.open(archive.uri).status().videos["indexed"] == 2


def test_a_commit_that_changes_no_track_is_no_conflict(archive: Catalog) -> None:
    snapshot = archive.snapshot()
    archive.table("videos").compact(1 << 20)
    archive.table("tracks").delete("track_id = 'gone'")
    assert is_current(archive, snapshot)


def test_staged_tables_that_were_removed_are_not_published(archive: Catalog) -> None:
    staged = stage(archive, "other", "other-8", 8)
    discard_staged(archive)
    with pytest.raises(CatalogError, match="table"):
        publish(archive, staged, archive.snapshot())
    assert Catalog.open(archive.uri).tracks(["track_id"]).num_rows == 2


def test_each_removal_takes_its_own_folders(archive: Catalog, tmp_path: Path) -> None:
    first = stage(archive, "one", "one-8", 8)
    publish(archive, first, archive.snapshot())
    current = Catalog.open(archive.uri)
    second = stage(current, "two", "two-8", 8)
    (tmp_path / "catalog" / WORK).mkdir()
    (tmp_path / "catalog" / "vectors-of-mine").mkdir()
    everything = folders(current)
    # Before publication, the tables of the first model lie in the catalog's own folder.
    assert set(remove_superseded(current)) >= {"tracks", "faces", "videos"}
    assert folders(current) == everything - {"tracks", "faces", "videos"}
    discard_staged(current, pieces=False)
    assert folders(current) == everything - {"tracks", "faces", "videos", second.meta.vectors}
    discard_staged(current)
    assert WORK not in folders(current)
    assert {"vectors-of-mine", "people", "verdicts", "files"} <= folders(current)
    assert current.tracks(["track_id"]).num_rows == 0
    assert remove_superseded(current) == []


def test_a_catalog_that_was_never_reembedded_has_nothing_superseded(archive: Catalog) -> None:
    assert remove_superseded(archive) == []
    assert archive.tracks(["track_id"]).num_rows == 2


def test_a_newer_folder_sorts_behind_even_if_the_clock_was_set_back(archive: Catalog) -> None:
    names = []
    current = archive
    for number in range(3):
        staged = stage(current, "p", f"m{number}", 8)
        publish(current, staged, current.snapshot())
        current = Catalog.open(archive.uri)
        names.append(current.meta.vectors)
    assert names == sorted(names)
    assert set(remove_superseded(current)) >= set(names[:2])


def test_one_reembedding_at_a_time(archive: Catalog) -> None:
    with (
        reembedding_lock(archive),
        pytest.raises(CatalogConflictError, match="being re-embedded by another process"),
        reembedding_lock(archive),
    ):
        pass
    with reembedding_lock(archive):
        pass
