"""Proof of an erasure: a trace is found in every kind of file, other data is not taken for one."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.erasure.begin import erasure_of_video
from vidsearch.erasure.patterns import excerpt
from vidsearch.erasure.proof import Traces, prove, search_files, traces_of_id
from vidsearch.errors import CatalogError

DIM = 16


@pytest.fixture
def archive(catalog: Catalog, synthetic: ModuleType) -> Catalog:
    with CatalogWriter(catalog) as writer:
        for number in range(2):
            writer.add(synthetic.make_video(number, tracks=2))
    return catalog


def traces(*texts: str, names: tuple[str, ...] = (), vector: object = None) -> Traces:
    part = None if vector is None else excerpt(np.asarray(vector).tobytes())
    vectors = frozenset() if part is None else frozenset({part})
    none = np.zeros((0, DIM), np.float32)
    return Traces(tuple(t.encode() for t in texts), frozenset(), none, vectors, names)


def write_parquet(catalog: Catalog, table: pa.Table) -> str:
    """Write a compressed file, in whose bytes no text can be seen."""
    assert catalog.root.path is not None
    path = catalog.root.path / "left-over.parquet"
    pq.write_table(table, path, compression="ZSTD", use_dictionary=True, write_statistics=False)
    return path.name


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_value_in_a_compressed_column_is_found(catalog: Catalog, kind: pa.DataType) -> None:
    texts = [f"filling {number} " * 20 for number in range(200)] + ["erased-id"]
    name = write_parquet(catalog, pa.table({"uri": pa.array(texts, kind)}))
    assert catalog.root.path is not None
    assert b"erased-id" not in (catalog.root.path / name).read_bytes(), "it is compressed"
    _, found = search_files(catalog, traces("erased-id"))
    assert [file.name for file in found] == [name]


def test_a_template_in_a_compressed_column_is_found(catalog: Catalog) -> None:
    vector = np.random.default_rng(0).normal(size=DIM).astype(np.float32)
    rows = np.tile(np.ones(DIM, np.float32), (500, 1))
    rows[321] = vector
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), DIM)
    write_parquet(catalog, pa.table({"template": flat}))
    assert search_files(catalog, traces(vector=vector))[1]
    assert not search_files(catalog, traces(vector=vector + 1))[1]


def test_a_log_entry_in_a_checkpoint_is_found(catalog: Catalog) -> None:
    entry = pa.array([{"path": "a", "stats": '{"minValues":{"uri":"/films/secret.mp4"}}'}] * 300)
    write_parquet(catalog, pa.table({"add": entry}))
    assert search_files(catalog, traces("/films/secret.mp4"))[1]


def test_a_short_name_is_compared_with_whole_values(catalog: Catalog) -> None:
    # "Al" is in every second file by chance; as a whole value it is the person's name.
    write_parquet(catalog, pa.table({"name": ["Alan", "Sal", "al"]}))
    assert not search_files(catalog, traces(names=("Al",)))[1]
    write_parquet(catalog, pa.table({"name": ["Alan", "Al"]}))
    assert search_files(catalog, traces(names=("Al",)))[1]


def test_receipts_may_name_the_erased_id(catalog: Catalog) -> None:
    catalog.root.child("receipts").child("video-x.json").write(b'{"video_id": "erased-id"}')
    files, found = search_files(catalog, traces("erased-id"))
    assert not found
    catalog.root.child("receipts-of-mine").child("a.json").write(b"erased-id")
    assert search_files(catalog, traces("erased-id")) == (
        files + 1,
        [catalog.root.child("receipts-of-mine").child("a.json")],
    )


def test_data_that_another_track_shares_are_no_trace(
    archive: Catalog, synthetic: ModuleType
) -> None:
    # The same video under another id has the same templates and pictures, which stay.
    with CatalogWriter(archive) as writer:
        writer.add(synthetic.make_video(0, tracks=2, video_id="copy"))
    shared = erasure_of_video(archive, "video-0000", ())
    assert shared.excerpts == ()
    assert len(shared.tracks) == 2
    # Two templates; four embeddings and four pictures of faces.
    assert len(erasure_of_video(archive, "video-0001", ()).excerpts) == 10


def test_data_that_is_still_there_is_no_proof(archive: Catalog) -> None:
    erasure = erasure_of_video(archive, "video-0001", ())
    with pytest.raises(CatalogError, match="still contains a trace"):
        prove(archive, Traces.of(erasure, DIM))


def test_the_search_is_a_part_of_the_proof(archive: Catalog) -> None:
    # No file contains the texts of these traces, but a search still finds the tracks.
    rows, templates = archive.snapshot().templates(DIM)
    ids = frozenset(rows["track_id"].to_pylist())
    with pytest.raises(CatalogError, match="still finds the erased data"):
        prove(archive, Traces((), ids, templates, frozenset()))


def test_names_that_are_not_utf8_are_searched_as_bytes(catalog: Catalog, tmp_path: Path) -> None:
    identity = "caf\udce9"
    assert not search_files(catalog, traces_of_id(catalog, identity))[1]
    (tmp_path / "catalog" / "log.txt").write_bytes(b"see caf\xe9 here")
    assert search_files(catalog, traces_of_id(catalog, identity))[1]
