"""Searches of a catalog while its tables and its index change."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.helpers.exact_search import exact_search
from vidsearch.catalog import Catalog, CatalogWriter, WriterConfig
from vidsearch.catalog.maintenance import maintain
from vidsearch.catalog.schema import matrix
from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogWriteError, ConfigError, ShapeError
from vidsearch.index.generations import current_name
from vidsearch.search.track_index import TrackSearcher, index_status, rebuild, rebuild_if_stale


def write(
    catalog: Catalog, synthetic: ModuleType, *numbers: int, tracks: int = 3, replace: bool = False
) -> None:
    with CatalogWriter(catalog, config=WriterConfig(replace=replace)) as writer:
        for number in numbers:
            writer.add(synthetic.make_video(number, tracks=tracks, status="indexed"))


def queries(synthetic: ModuleType, count: int = 4) -> Matrix:
    rng = np.random.default_rng(77)
    return np.stack([synthetic.unit(rng) for _ in range(count)])


def assert_exact(catalog: Catalog, searcher: TrackSearcher, synthetic: ModuleType) -> None:
    """Compare the results with those of an exact search over the tables."""
    rows = catalog.tracks(columns=["track_id", "template"])
    ids, vectors = rows["track_id"].to_pylist(), matrix(rows["template"], catalog.dim)
    probes = queries(synthetic)
    for k in (1, 5, 1000):
        expected = exact_search(ids, vectors, probes, k)
        for exact, found in zip(expected, searcher.search(probes, k), strict=True):
            assert exact.ids == found.ids
            np.testing.assert_array_equal(exact.similarities, found.similarities)
    assert len(searcher) == rows.num_rows


def current(catalog: Catalog) -> Path:
    name = current_name(catalog.root)
    assert name is not None
    return Path(catalog.uri) / "index" / name


def test_an_empty_catalog_has_no_results(catalog: Catalog, synthetic: ModuleType) -> None:
    assert [len(a) for a in TrackSearcher(catalog).search(queries(synthetic), 5)] == [0] * 4
    status = rebuild(catalog)
    assert (status.kind, status.pending) == ("faiss-flat", 0)
    assert [len(a) for a in TrackSearcher(catalog).search(queries(synthetic), 5)] == [0] * 4


def test_without_an_index_everything_is_found_quietly(
    catalog: Catalog, synthetic: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    write(catalog, synthetic, 0, 1)
    searcher = TrackSearcher(catalog)
    assert_exact(catalog, searcher, synthetic)
    assert (searcher.status.kind, searcher.status.pending) == ("none", 6)
    assert not caplog.records


def test_new_tracks_are_found_at_once(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic, 0, 1, 2)
    built = rebuild(catalog)
    assert built.pending == 0
    searcher = TrackSearcher(catalog)
    write(catalog, synthetic, 3, 4)
    searcher.refresh()
    assert (searcher.status.pending, searcher.status.built) == (6, built.built)
    assert_exact(catalog, searcher, synthetic)
    assert index_status(catalog, catalog.snapshot()) == searcher.status
    newest = synthetic.make_video(4, tracks=3, status="indexed").tracks[0].template.vector
    found = searcher.search(newest[None], 1)[0]
    assert found.similarities[0] == pytest.approx(1, abs=1e-6)


def test_deleted_and_replaced_tracks_are_masked(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic, *range(6))
    rebuild(catalog)
    catalog.table("videos").delete("video_id = 'video-0001'")  # what forgetting will do first
    searcher = TrackSearcher(catalog)
    assert len(searcher) == 15
    assert_exact(catalog, searcher, synthetic)

    other = synthetic.make_video(9, tracks=3, video_id="video-0002", status="indexed")
    ids = set(catalog.tracks(video_ids=["video-0002"])["track_id"].to_pylist())
    with CatalogWriter(catalog, config=WriterConfig(replace=True)) as writer:
        writer.add(other)
    assert set(catalog.tracks(video_ids=["video-0002"])["track_id"].to_pylist()) == ids
    searcher.refresh()
    assert searcher.status.pending == 3  # the same ids, with other vectors
    assert_exact(catalog, searcher, synthetic)
    found = searcher.search(other.tracks[1].template.vector[None], 1)[0]
    assert found.ids[0] in ids
    assert found.similarities[0] == pytest.approx(1, abs=1e-6)

    rebuild(catalog)
    searcher.refresh()
    assert searcher.status.pending == 0
    assert_exact(catalog, searcher, synthetic)


def test_joined_files_leave_the_index_valid(catalog: Catalog, synthetic: ModuleType) -> None:
    for number in range(20):
        write(catalog, synthetic, number, tracks=1)
    rebuild(catalog)
    version = catalog.table("tracks").open().version()
    maintain(catalog)
    assert catalog.table("tracks").open().version() > version
    searcher = TrackSearcher(catalog)
    assert searcher.status.pending == 0
    assert_exact(catalog, searcher, synthetic)


@pytest.mark.parametrize("file", ["vectors.faiss", "rows.arrow", "meta.json"])
@pytest.mark.parametrize("damage", ["gone", "torn", "flipped", "empty"])
def test_a_damaged_generation_is_reported_and_not_used(
    catalog: Catalog,
    synthetic: ModuleType,
    caplog: pytest.LogCaptureFixture,
    file: str,
    damage: str,
) -> None:
    write(catalog, synthetic, 0, 1)
    rebuild(catalog)
    path = current(catalog) / file
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "torn":
        path.write_bytes(content[: len(content) * 2 // 3])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        searcher = TrackSearcher(catalog)
    assert f"rebuild it with: vidsearch reindex {catalog.uri}" in caplog.text
    assert "\n" not in caplog.records[0].getMessage()
    assert_exact(catalog, searcher, synthetic)
    assert index_status(catalog, catalog.snapshot()).kind == "none"
    rebuild(catalog)
    searcher.refresh()
    assert (searcher.status.kind, searcher.status.pending) == ("faiss-flat", 0)
    assert_exact(catalog, searcher, synthetic)


@pytest.mark.parametrize(
    "pointer", [b"", b"{}", b"[1]", b'{"generation": "../x", "meta_sha256": ""}', b"\xff"]
)
def test_a_damaged_pointer_is_reported_and_not_used(
    catalog: Catalog, synthetic: ModuleType, caplog: pytest.LogCaptureFixture, pointer: bytes
) -> None:
    write(catalog, synthetic, 0)
    rebuild(catalog)
    (Path(catalog.uri) / "index" / "CURRENT").write_bytes(pointer)
    assert_exact(catalog, TrackSearcher(catalog), synthetic)
    assert "vidsearch reindex" in caplog.text
    rebuild(catalog)
    assert TrackSearcher(catalog).status.pending == 0


def test_an_index_of_another_model_is_not_used(
    catalog: Catalog, synthetic: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Catalog.create(tmp_path / "other", pack="p", model_id="other", dim=synthetic.DIM)
    rebuild(other)
    (Path(other.uri) / "index").rename(Path(catalog.uri) / "index")
    write(catalog, synthetic, 0)
    assert_exact(catalog, TrackSearcher(catalog), synthetic)
    assert "holds vectors of model 'other'" in caplog.text


def test_a_build_that_cannot_be_written_leaves_the_old_one(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    write(catalog, synthetic, 0)
    (Path(catalog.uri) / "index").write_text("in the way")
    with pytest.raises(CatalogWriteError, match=r"index of the catalog .* vidsearch reindex"):
        rebuild(catalog)
    assert_exact(catalog, TrackSearcher(catalog), synthetic)


def test_the_same_tracks_give_the_same_index(
    tmp_path: Path, catalog: Catalog, synthetic: ModuleType
) -> None:
    write(catalog, synthetic, 0, 1, 2)
    second = Catalog.create(
        tmp_path / "second", pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
    )
    for number in (2, 0, 1):
        write(second, synthetic, number)
    for each in (catalog, second):
        rebuild(each)
    first_file, second_file = (current(each) / "vectors.faiss" for each in (catalog, second))
    assert first_file.read_bytes() == second_file.read_bytes()


def test_rebuilding_happens_when_enough_has_changed(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    write(catalog, synthetic, 0)
    assert rebuild_if_stale(catalog, max_pending=3).pending == 0  # there was none
    first = current(catalog)
    write(catalog, synthetic, 1)
    assert rebuild_if_stale(catalog, max_pending=3).pending == 3
    assert current(catalog) == first
    write(catalog, synthetic, 2)
    assert rebuild_if_stale(catalog, max_pending=3).pending == 0
    assert current(catalog) != first
    (current(catalog) / "rows.arrow").unlink()
    assert rebuild_if_stale(catalog, max_pending=3).pending == 0
    assert TrackSearcher(catalog).status.kind == "faiss-flat"


def test_only_generations_that_no_reader_opens_are_removed(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    write(catalog, synthetic, 0)
    old = Path(catalog.uri) / "index" / "gen-000000000001-dead"
    old.mkdir(parents=True)
    rebuild(catalog)
    assert not old.exists()
    first = current(catalog)
    reader = TrackSearcher(catalog)
    rebuild(catalog)
    assert first.exists()
    rebuild(catalog)
    assert_exact(catalog, reader, synthetic)


REBUILD = """
import sys
from vidsearch import Catalog
from vidsearch.search.track_index import rebuild
catalog = Catalog.open(sys.argv[1])
print("ready", flush=True)
for _ in range(15):
    rebuild(catalog)
"""


def test_searching_while_others_rebuild(
    catalog: Catalog, synthetic: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    write(catalog, synthetic, *range(10))
    rebuild(catalog)
    process = subprocess.Popen(
        [sys.executable, "-c", REBUILD, catalog.uri], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    searcher = TrackSearcher(catalog)
    generations = set()
    try:
        while process.poll() is None:
            searcher.refresh()
            generations.add(current_name(catalog.root))
            assert searcher.status.kind == "faiss-flat"
            assert_exact(catalog, searcher, synthetic)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert len(generations) > 1
    assert not caplog.records


def test_bad_queries(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic, 0)
    for build in (False, True):
        if build:
            rebuild(catalog)
        searcher = TrackSearcher(catalog)
        with pytest.raises(ShapeError, match=r"queries must be \(N, 16\)"):
            searcher.search(np.ones((1, 8), np.float32), 1)
        with pytest.raises(ShapeError, match="row 0 has nan"):
            searcher.search(np.full((1, 16), np.nan, np.float32), 1)
        with pytest.raises(ConfigError, match="k must be at least 1"):
            searcher.search(queries(synthetic), 0)


def test_a_sample_is_of_what_can_be_found(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic, 0, 1, 2)
    rebuild(catalog)
    write(catalog, synthetic, 1, tracks=2, replace=True)  # masked in the index, and pending
    write(catalog, synthetic, 3, tracks=4)
    searcher = TrackSearcher(catalog)
    rows = catalog.tracks(columns=["video_id", "template"])
    templates = matrix(rows["template"], catalog.dim)
    vectors, videos = searcher.sample(100)
    assert sorted(map(tuple, vectors.tolist())) == sorted(map(tuple, templates.tolist()))
    assert sorted(np.bincount(videos).tolist()) == [2, 3, 3, 4]
    within, _ = searcher.sample(100, {"video-0001", "video-0002"})
    assert len(within) == 2 + 3
    few, numbers = searcher.sample(5)
    assert (len(few), len(numbers)) == (5, 5)
    assert set(map(tuple, few.tolist())) <= set(map(tuple, templates.tolist()))
