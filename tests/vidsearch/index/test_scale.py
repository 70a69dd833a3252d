"""Kinds of index for many tracks: builds in shards, damage, catalogs that change."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.exact_search import exact_search
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.datatypes import Matrix
from vidsearch.errors import ShapeError
from vidsearch.index import build, rerank
from vidsearch.index.base import VectorIndex
from vidsearch.index.build import ShardTask
from vidsearch.index.generations import BuildOptions, current_name
from vidsearch.index.plan import KINDS, Kind, choose
from vidsearch.search.track_index import TrackSearcher, index_status, rebuild

DIM = 32
PER_IDENTITY = 20
SCALE_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "faiss-flat")
every_kind = pytest.mark.parametrize("kind", SCALE_KINDS)


def unit(rows: NDArray[np.floating]) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths, np.float32)


def people(count: int, seed: int = 0, noise: float = 0.09, dim: int = DIM) -> tuple[Matrix, Matrix]:
    """Return the tracks of ``count`` identities, 20 each, and one query for each."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(count, dim)))
    away = noise * rng.normal(size=(count * PER_IDENTITY, dim))
    tracks = unit(np.repeat(centres, PER_IDENTITY, axis=0) + away)
    return tracks, unit(centres + noise * rng.normal(size=centres.shape))


def built_index(folder: Path, vectors: Matrix, kind: Kind) -> VectorIndex:
    folder.mkdir(exist_ok=True)
    build.allocate(folder, (len(vectors), vectors.shape[1]))[:] = vectors
    plan = choose(len(vectors), vectors.shape[1], kind)
    build.build(folder, plan, threads=1)
    return build.load(folder, plan, names(len(vectors)))


def names(count: int) -> list[str]:
    return [f"{row:06d}" for row in range(count)]


@pytest.fixture
def no_shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search small archives like large ones, and build them in several shards."""
    monkeypatch.setattr(rerank, "EXACT_ROWS", 0)
    monkeypatch.setattr(build, "SHARD_ROWS", 3000)


@pytest.mark.usefixtures("no_shortcut")
def test_expansion_finds_tracks_that_cells_near_the_query_do_not_hold(tmp_path: Path) -> None:
    from vidsearch.index.ivf import IvfIndex, Probes

    vectors, queries = people(500, noise=0.08, dim=128)
    whole = built_index(tmp_path / "ix", vectors, "ivf-sq8")
    assert isinstance(whole, IvfIndex)
    shares = []
    for centre in (False, True):
        index = IvfIndex(names(10_000), vectors, whole._index, Probes(near=4, expanded=4))
        if not centre:  # no hit is certain: as many cells, but around the query
            index._most_similar_impostor = lambda query: 2.0  # type: ignore[method-assign]
        found = [np.array(neighbours.ids, int) for neighbours in index.search(queries[:100], 20)]
        shares.append(np.mean([rows // PER_IDENTITY == at for at, rows in enumerate(found)]))
    assert 1 - shares[1] < 0.5 * (1 - shares[0])


def in_processes(work: Callable[[ShardTask], Path], tasks: Sequence[ShardTask]) -> Sequence[Path]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, tasks))


@pytest.mark.parametrize("kind", ["flat-pq", "ivf-sq8", "ivf-pq"])
@pytest.mark.usefixtures("no_shortcut")
def test_shards_built_by_other_processes_make_the_same_files(tmp_path: Path, kind: Kind) -> None:
    vectors, _ = people(400)
    plan = choose(len(vectors), DIM, kind)
    for name, run in (("here", build.run_here), ("there", in_processes)):
        (tmp_path / name).mkdir()
        build.allocate(tmp_path / name, (len(vectors), DIM))[:] = vectors
        build.build(tmp_path / name, plan, run, threads=1)
    files = {build.VECTORS, build.CODES} | ({build.LISTS} if plan.cells else set())
    for file in files:
        assert (tmp_path / "here" / file).read_bytes() == (tmp_path / "there" / file).read_bytes()
    assert {path.name for path in (tmp_path / "here").iterdir()} == files


def fill(catalog: Catalog, synthetic: ModuleType, *numbers: int) -> None:
    with CatalogWriter(catalog) as writer:
        for number in numbers:
            writer.add(synthetic.make_video(number, tracks=20, status="indexed"))


@every_kind
def test_a_catalog_searched_while_it_changes(
    catalog: Catalog, synthetic: ModuleType, kind: Kind
) -> None:
    fill(catalog, synthetic, *range(14))
    status = rebuild(catalog, BuildOptions(kind=kind, threads=1))
    assert (status.kind, status.pending, index_status(catalog, catalog.snapshot()).kind) == (
        kind,
        0,
        kind,
    )
    fill(catalog, synthetic, 14)
    catalog.table("videos").delete("video_id = 'video-0003'")
    searcher = TrackSearcher(catalog)
    rows = catalog.tracks()
    vectors = np.stack(rows["template"].to_pylist()).astype(np.float32)
    ids = rows["track_id"].to_pylist()
    assert len(searcher) == rows.num_rows == 280
    videos = np.array(rows["video_id"].to_pylist())
    for video_ids in (None, {"video-0001", "video-0014", "video-0003"}, {"nobody"}, set()):
        masked = None if video_ids is None else ~np.isin(videos, sorted(video_ids))
        for k in (3, 1000):
            expected = exact_search(ids, vectors, vectors[:3], k, masked)
            found = searcher.search(vectors[:3], k, video_ids)
            assert [a.ids for a in expected] == [b.ids for b in found]


@every_kind
def test_damage_is_found_before_it_is_searched(
    catalog: Catalog, synthetic: ModuleType, kind: Kind
) -> None:
    fill(catalog, synthetic, *range(13))
    rebuild(catalog, BuildOptions(kind=kind, threads=1))
    folder = Path(catalog.uri) / "index" / str(current_name(catalog.root))
    largest = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1])
    assert TrackSearcher(catalog).status.kind == "none"


def test_lists_cut_short_are_refused(tmp_path: Path) -> None:
    vectors, _ = people(20)
    built_index(tmp_path / "ix", vectors, "ivf-sq8")
    lists = tmp_path / "ix" / build.LISTS
    lists.write_bytes(lists.read_bytes()[:-1])
    with pytest.raises(ShapeError, match=r"lists\.ivf must hold"):
        build.load(tmp_path / "ix", choose(len(vectors), DIM, "ivf-sq8"), names(len(vectors)))


def test_faiss_prints_nothing(tmp_path: Path) -> None:
    """Standard output belongs to ``--json``."""
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from vidsearch.index import build; from vidsearch.index.plan import choose\n"
        "folder = Path(sys.argv[1]); v = np.tile(np.eye(64, dtype=np.float32), (5, 1))\n"
        "build.allocate(folder, v.shape)[:] = v\n"
        "for kind in ('flat-sq8', 'flat-pq', 'ivf-sq8', 'ivf-pq'):\n"
        "    plan = choose(320, 64, kind); build.build(folder, plan, threads=1)\n"
        "    build.load(folder, plan, [str(i) for i in range(320)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


@every_kind
def test_a_reader_keeps_what_it_has_open_when_its_generation_is_removed(
    catalog: Catalog, synthetic: ModuleType, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerank, "EXACT_ROWS", 0)
    fill(catalog, synthetic, *range(20))
    rebuild(catalog, BuildOptions(kind=kind, threads=1))
    first = Path(catalog.uri) / "index" / str(current_name(catalog.root))
    reader = TrackSearcher(catalog)
    queries = np.eye(catalog.dim, dtype=np.float32)[:4]
    before = reader.search(queries, 7)
    fill(catalog, synthetic, 20)
    rebuild(catalog, BuildOptions(kind=kind, threads=1))
    shutil.rmtree(first)
    for a, b in zip(before, reader.search(queries, 7), strict=True):
        assert a.ids == b.ids
        np.testing.assert_array_equal(a.similarities, b.similarities)
    reader.refresh()
    assert (len(reader), reader.status.kind, reader.status.pending) == (420, kind, 0)


# Kills itself at a given moment of the build, like a power failure.
KILLED = """
import os, signal, sys
from vidsearch import Catalog
from vidsearch.storage.path import StoragePath
from vidsearch.index import build, generations
from vidsearch.index.generations import BuildOptions
from vidsearch.search.track_index import rebuild

build.SHARD_ROWS = 100
module, name = {"shards": (build, "join"), "files": (generations, "sync"),
                "pointer": (StoragePath, "write")}[sys.argv[2]]
setattr(module, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
rebuild(Catalog.open(sys.argv[1]), BuildOptions(kind="flat-pq", threads=1))
"""


@pytest.mark.parametrize("moment", ["shards", "files", "pointer"])
def test_a_build_killed_at_any_moment_leaves_the_index_in_use(
    catalog: Catalog, synthetic: ModuleType, moment: str
) -> None:
    fill(catalog, synthetic, *range(14))
    rebuild(catalog, BuildOptions(kind="flat-pq", threads=1))
    name = current_name(catalog.root)
    done = subprocess.run([sys.executable, "-c", KILLED, catalog.uri, moment], check=False)
    assert done.returncode == -signal.SIGKILL
    assert current_name(catalog.root) == name
    assert len(list((Path(catalog.uri) / "index").glob("gen-*"))) == 2
    searcher = TrackSearcher(catalog)
    assert (len(searcher), searcher.status.kind, searcher.status.pending) == (280, "flat-pq", 0)
    assert rebuild(catalog, BuildOptions(kind="flat-pq", threads=1)).pending == 0
    assert current_name(catalog.root) != name
