"""An index built on a Dask cluster equals that of a local build, even if workers die."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import dask.config
import fsspec.config
import numpy as np
import pytest
from distributed import LocalCluster

from pipelines.cluster.index_shards import ClusterShards, build_options, require_shared
from tests.helpers import synthetic_catalog
from tests.helpers.fake_cluster import FakeCluster, connection
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.commands.main import main
from vidsearch.errors import CatalogWriteError, ClusterLostError, ConfigError
from vidsearch.index import build
from vidsearch.index.build import ShardTask
from vidsearch.index.generations import BuildOptions, current_name
from vidsearch.index.plan import Kind, choose
from vidsearch.search.track_index import TrackSearcher, rebuild
from vidsearch.storage.path import StoragePath

Work = Callable[[ShardTask], Path]


@pytest.fixture(scope="module")
def synthetic() -> ModuleType:
    return synthetic_catalog


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A running cluster of two processes; Dask does not retry a task that killed its worker."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as running,
    ):
        yield running.scheduler_address


@pytest.fixture
def catalog(tmp_path: Path, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """400 tracks, which make four shards."""
    monkeypatch.setattr(build, "SHARD_ROWS", 100)
    made = Catalog.create(
        tmp_path / "catalog", pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
    )
    with CatalogWriter(made) as writer:
        for number in range(20):
            writer.add(synthetic.make_video(number, tracks=20, status="indexed"))
    return made


def files(catalog: Catalog) -> dict[str, bytes]:
    folder = Path(catalog.uri) / "index" / str(current_name(catalog.root))
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"}


def on(
    scheduler: str, catalog: Catalog, kind: Kind, work: Work | None = None, tries: int = 3
) -> BuildOptions:
    """Return the options of a build on the cluster, with ``work`` in place of the build."""
    runs = ClusterShards(scheduler, catalog.root, tries=tries)
    return BuildOptions(
        kind=kind,
        threads=1,
        run_shards=lambda given, tasks: runs(work if work is not None else given, tasks),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flat-pq", "ivf-sq8", "ivf-pq"])
def test_the_cluster_builds_the_same_files(catalog: Catalog, scheduler: str, kind: Kind) -> None:
    rebuild(catalog, BuildOptions(kind=kind, threads=1))
    here = files(catalog)
    reader = TrackSearcher(catalog)
    assert rebuild(catalog, on(scheduler, catalog, kind)).kind == kind
    assert files(catalog) == here
    query = np.eye(catalog.dim, dtype=np.float32)[:1]
    before = reader.search(query, 5)[0].ids
    reader.refresh()
    assert reader.search(query, 5)[0].ids == before
    assert sorted(path.name.split("-")[0] for path in (Path(catalog.uri) / "index").iterdir()) == [
        "CURRENT",
        "gen",
        "gen",
    ]


def test_a_part_whose_worker_is_killed_is_built_by_another(
    catalog: Catalog, scheduler: str, tmp_path: Path
) -> None:
    rebuild(catalog, BuildOptions(kind="flat-pq", threads=1))
    here = files(catalog)
    killed = tmp_path / "killed"

    def work(task: ShardTask) -> Path:
        if task.start == 100 and not killed.exists():
            killed.touch()
            task.out.with_name(f"{task.out.name}.torn").write_bytes(b"half a shard")
            os.kill(os.getpid(), signal.SIGKILL)
        return build.build_shard(task)

    rebuild(catalog, on(scheduler, catalog, "flat-pq", work))
    assert killed.exists()
    assert files(catalog) == here


@pytest.mark.slow
def test_a_part_that_kills_every_worker_leaves_the_index_in_use(
    catalog: Catalog, scheduler: str
) -> None:
    rebuild(catalog, BuildOptions(kind="flat-pq", threads=1))
    before, name = files(catalog), current_name(catalog.root)

    def work(task: ShardTask) -> Path:
        if task.start == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return build.build_shard(task)

    with pytest.raises(ClusterLostError, match="2 workers died building one part"):
        rebuild(catalog, on(scheduler, catalog, "flat-pq", work, tries=2))
    assert current_name(catalog.root) == name
    assert files(catalog) == before


@pytest.mark.slow
def test_what_a_worker_cannot_write_is_said(catalog: Catalog, scheduler: str) -> None:
    def work(task: ShardTask) -> Path:
        raise OSError(28, "No space left on device", str(task.out))

    with pytest.raises(CatalogWriteError, match=r"No space left on device.*vidsearch reindex"):
        rebuild(catalog, on(scheduler, catalog, "flat-pq", work))


def test_a_catalog_that_workers_do_not_see_is_refused_in_one_line(
    catalog: Catalog,
    scheduler: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Under this path every process finds its own working folder.
    monkeypatch.chdir(Path(catalog.uri).parent)
    uri = "/proc/self/cwd/catalog"
    assert main(["reindex", uri, "--scheduler", scheduler]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"does not see the catalog '{uri}' as this machine does" in said
    assert "No such file or directory" in said
    assert not list(Path(catalog.uri).glob("index/*"))


@pytest.mark.slow
def test_the_command_builds_on_a_cluster(
    catalog: Catalog, scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reindex", catalog.uri, "--scheduler", scheduler]) == 0
    assert capsys.readouterr().out.startswith("Index rebuilt: faiss-flat, built 2")


@contextmanager
def no_cluster(scheduler: str) -> Iterator[Any]:
    if scheduler:
        raise ConfigError(f"no Dask scheduler answers at {scheduler!r}")
    yield


def test_after_indexing_the_index_is_built_here_where_the_cluster_cannot(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match="no Dask scheduler answers"):
        require_shared(catalog.root, "tcp://gone:1", no_cluster)
    options = build_options(catalog.root, "tcp://gone:1", fall_back=True, connect=no_cluster)
    rebuild(catalog, BuildOptions(kind="flat-pq", run_shards=options.run_shards))
    assert TrackSearcher(catalog).status.kind == "flat-pq"
    assert "built on this machine alone: no Dask scheduler answers at 'tcp://gone:1'" in caplog.text
    assert build_options(catalog.root, None) == BuildOptions()


def fake(scheduler: str) -> AbstractContextManager[Any]:
    return connection(FakeCluster(identity=""))


def test_through_an_object_store_the_shards_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "SHARD_ROWS", 150)
    monkeypatch.setitem(fsspec.config.conf, "local", {"auto_mkdir": True})
    vectors = np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = StoragePath.of(f"local://{tmp_path}/store")
    assert store.path is None
    runs: dict[str, build.RunShards] = {
        "one": build.run_here,
        "two": ClusterShards("tcp://a:1", store, connect=fake),
    }
    for kind in ("flat-pq", "ivf-sq8"):
        found = []
        for name, run in runs.items():
            folder = tmp_path / f"{kind}-{name}"
            folder.mkdir()
            build.allocate(folder, vectors.shape)[:] = vectors
            build.build(folder, choose(400, 16, kind), run, threads=1)
            found.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert found[0] == found[1]
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_a_stored_shard_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fsspec.config.conf, "local", {"auto_mkdir": True})

    def work(task: ShardTask) -> Path:
        raise RuntimeError("not an index")

    build.allocate(tmp_path, (10, 4))[:] = 0.5
    (tmp_path / "trained").write_bytes(b"")
    task = ShardTask(tmp_path / "trained", tmp_path / build.VECTORS, 0, 10, tmp_path / "out")
    tasks: Sequence[ShardTask] = [task]
    store = StoragePath.of(f"local://{tmp_path}/store")
    with pytest.raises(OSError, match="a worker failed: RuntimeError: not an index"):
        ClusterShards("tcp://a:1", store, connect=fake)(work, tasks)
