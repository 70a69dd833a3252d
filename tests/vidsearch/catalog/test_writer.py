"""Killed, contended and starved writers: no row is lost, doubled, or visible without its batch."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from vidsearch.catalog import Catalog, CatalogWriter, WriterConfig, commits, writer
from vidsearch.catalog.maintenance import maintain, repair
from vidsearch.catalog.tables import Table
from vidsearch.errors import CatalogConflictError, CatalogWriteError, ConfigError

SORT = {
    "videos": ["video_id"],
    "tracks": ["track_id"],
    "faces": ["track_id", "position"],
    "files": ["uri"],
}
RUN_COLUMNS = ["run_id", "indexed_at", "seen_at"]


def contents(catalog: Catalog) -> dict[str, pd.DataFrame]:
    """Return the visible rows, sorted, without the columns that name the run or the time."""
    snapshot = catalog.snapshot()
    tables = {
        "videos": snapshot.videos(),
        "tracks": snapshot.tracks(),
        "faces": snapshot.faces(),
        "files": raw(catalog, "files"),
    }
    return {
        name: table.drop_columns([c for c in RUN_COLUMNS if c in table.column_names])
        .to_pandas()
        .sort_values(SORT[name])
        .reset_index(drop=True)
        for name, table in tables.items()
    }


def raw(catalog: Catalog, name: str) -> pa.Table:
    """Return every row of a table, visible or not."""
    return catalog.table(name).open().to_pyarrow_dataset().to_table()


def assert_same(catalog: Catalog, expected: dict[str, pd.DataFrame]) -> None:
    for name, frame in contents(catalog).items():
        pd.testing.assert_frame_equal(frame, expected[name], obj=name)


def assert_whole(catalog: Catalog) -> None:
    """Fail unless every visible video has its tracks, and every track its faces."""
    snapshot = catalog.snapshot()
    videos = snapshot.videos(columns=["video_id", "tracks"]).to_pandas()
    tracks = snapshot.tracks(columns=["video_id", "track_id"]).to_pandas()
    faces = snapshot.faces(columns=["track_id"]).to_pandas()
    promised = dict(zip(videos["video_id"], videos["tracks"], strict=True))
    assert len(promised) == len(videos)
    found = tracks.groupby("video_id").size().to_dict()
    assert found == {video_id: count for video_id, count in promised.items() if count}
    assert faces.groupby("track_id").size().to_dict() == dict.fromkeys(tracks["track_id"], 2)


def assert_no_remains(catalog: Catalog) -> None:
    repair(catalog, stale_after_s=0)
    for name, frame in contents(catalog).items():
        assert raw(catalog, name).num_rows == len(frame)


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, synthetic: ModuleType
) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("undisturbed") / "catalog"
    made = Catalog.create(folder, pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM)
    synthetic.write_missing(made, 0, 30)
    return contents(made)


def start(synthetic: ModuleType, catalog: Catalog, *arguments: str) -> subprocess.Popen[str]:
    """Start a writing process; return when it is ready to write."""
    script = str(synthetic.__file__)
    command = [sys.executable, script, catalog.uri, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@contextmanager
def finishing(*processes: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=60)


@pytest.mark.parametrize(
    "moment",
    [
        "before:tracks:1",
        "after:tracks:2",
        "after:faces:1",
        "before:videos:0",
        "after:videos:1",
        "after:files:3",
    ],
)
def test_killed_at_any_step_then_repeated_gives_the_same_tables(
    catalog: Catalog,
    synthetic: ModuleType,
    undisturbed: dict[str, pd.DataFrame],
    moment: str,
) -> None:
    process = start(synthetic, catalog, "0", "30", moment)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert_whole(catalog)
    synthetic.write_missing(catalog, 0, 30)
    assert_whole(catalog)
    assert_same(catalog, undisturbed)
    assert_no_remains(catalog)
    assert_same(catalog, undisturbed)


def test_killed_at_random_then_repeated_gives_the_same_tables(
    tmp_path: Path, synthetic: ModuleType, undisturbed: dict[str, pd.DataFrame]
) -> None:
    chance = random.Random(7)
    kills = 0
    for number in range(3):
        catalog = Catalog.create(
            tmp_path / str(number), pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
        )
        for _ in range(5):
            process = start(synthetic, catalog, "0", "30")
            with finishing(process):
                time.sleep(chance.uniform(0, 0.4))
                process.send_signal(signal.SIGKILL)
                process.wait(timeout=60)
            kills += process.returncode == -signal.SIGKILL
            assert_whole(catalog)
        synthetic.write_missing(catalog, 0, 30)
        assert_same(catalog, undisturbed)
        assert_no_remains(catalog)
    assert kills >= 5  # otherwise the writers finished before they were killed


def test_two_writers_at_once_double_nothing(
    catalog: Catalog, synthetic: ModuleType, undisturbed: dict[str, pd.DataFrame]
) -> None:
    processes = [start(synthetic, catalog, "0", "30") for _ in range(2)]
    with finishing(*processes):
        for process in processes:
            assert process.wait(timeout=120) == 0
    assert_whole(catalog)
    assert_same(catalog, undisturbed)
    assert_no_remains(catalog)
    assert_same(catalog, undisturbed)


def test_a_reader_sees_whole_videos_while_others_write(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    process = start(synthetic, catalog, "0", "60")
    counts = set()
    with finishing(process):
        while process.poll() is None:
            assert_whole(catalog)
            counts.add(catalog.videos().num_rows)
        assert process.returncode == 0
    assert len(counts) > 1
    assert catalog.videos().num_rows == 60


def test_a_snapshot_taken_while_a_video_is_replaced_is_whole(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CatalogWriter(catalog) as writing:
        writing.add(synthetic.make_video(0, tracks=2))
    opened = Table.open
    replaced = False

    def replaced_before(table: Table, *arguments: Any) -> Any:
        nonlocal replaced
        if table.name == "tracks" and not replaced:
            replaced = True
            with CatalogWriter(catalog, config=WriterConfig(replace=True)) as again:
                again.add(synthetic.make_video(0, tracks=3))
            repair(catalog, stale_after_s=0)
        return opened(table, *arguments)

    monkeypatch.setattr(Table, "open", replaced_before)
    assert catalog.tracks().num_rows == 3


def test_maintenance_while_others_write_loses_nothing(
    catalog: Catalog, synthetic: ModuleType, undisturbed: dict[str, pd.DataFrame]
) -> None:
    process = start(synthetic, catalog, "0", "30")
    with finishing(process):
        while process.poll() is None:
            repair(catalog)
            maintain(catalog)
        assert process.returncode == 0
    assert_same(catalog, undisturbed)


def test_repair_leaves_a_live_writer_alone(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = Table.merge

    def repaired_before(table: Table, *arguments: Any) -> None:
        if table.name == "videos":
            assert raw(catalog, "tracks").num_rows == 2
            assert catalog.tracks().num_rows == 0
            assert repair(catalog).rows == 0
        merge(table, *arguments)

    monkeypatch.setattr(Table, "merge", repaired_before)
    with CatalogWriter(catalog) as writing:
        writing.add(synthetic.make_video(0, tracks=2))
    assert catalog.tracks().num_rows == 2


def test_a_writer_whose_batch_was_removed_as_dead_raises(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = Table.merge

    def removed_as_dead(table: Table, *arguments: Any) -> None:
        if table.name == "videos":
            assert repair(catalog, stale_after_s=0).rows == 6
        merge(table, *arguments)

    video = synthetic.make_video(0, tracks=2)
    with monkeypatch.context() as patched:
        patched.setattr(Table, "merge", removed_as_dead)
        patched.setattr(writer, "STALE_AFTER_S", 0.0)
        writing = CatalogWriter(catalog)
        writing.add(video)
        with pytest.raises(CatalogWriteError, match=r"was suspended.*repeat the command"):
            writing.flush()
    assert catalog.videos().num_rows == 0
    writing.flush()  # the same writer tries again
    assert catalog.tracks().num_rows == 2


def test_repair_gives_up_videos_whose_tracks_are_lost(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    with CatalogWriter(catalog) as writing:
        writing.add(synthetic.make_video(0, tracks=2))
        writing.add(synthetic.make_video(1, tracks=1))
    catalog.table("tracks").delete("video_id = 'video-0000' AND shot = 0")
    assert repair(catalog).videos == 1
    assert set(catalog.video_statuses()) == {"video-0001"}
    assert [file.video_id for file in catalog.known_files().values()] == ["video-0001"]


def test_a_batch_is_committed_at_whichever_limit_comes_first(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    with CatalogWriter(catalog, config=WriterConfig(flush_videos=2)) as writing:
        writing.add(synthetic.make_video(0))
        assert (writing.pending, catalog.videos().num_rows) == (1, 0)
        writing.add(synthetic.make_video(1))
        assert (writing.pending, catalog.videos().num_rows) == (0, 2)
    with CatalogWriter(catalog, config=WriterConfig(flush_seconds=0)) as writing:
        writing.add(synthetic.make_video(2))
        assert catalog.videos().num_rows == 3
    with pytest.raises(ConfigError, match="flush_videos"):
        WriterConfig(flush_videos=0)


def test_what_was_finished_before_an_interruption_is_kept(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    def interrupted() -> None:
        with CatalogWriter(catalog) as writing:
            writing.add(synthetic.make_video(0, tracks=1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert catalog.tracks().num_rows == 1


def test_writing_nothing_makes_no_version(catalog: Catalog, synthetic: ModuleType) -> None:
    synthetic.write_missing(catalog, 0, 5)
    before = {name: catalog.table(name).open().version() for name in catalog.table_names}
    synthetic.write_missing(catalog, 0, 5)
    repair(catalog)
    maintain(catalog)
    after = {name: catalog.table(name).open().version() for name in catalog.table_names}
    assert before == after


def test_a_full_disk_is_found_before_writing(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = CatalogWriter(catalog)
    writing.add(synthetic.make_video(0, tracks=2))
    with monkeypatch.context() as patched:
        usage = shutil.disk_usage(catalog.uri)._replace(free=1 << 20)
        patched.setattr("vidsearch.catalog.commits.shutil.disk_usage", lambda path: usage)
        with pytest.raises(CatalogWriteError, match=r"1024 KiB free and .* are needed"):
            writing.flush()
    assert raw(catalog, "tracks").num_rows == 0
    writing.flush()
    assert catalog.tracks().num_rows == 2


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
import synthetic_catalog as synthetic
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.maintenance import maintain, repair
from vidsearch.catalog.tables import Table
from vidsearch.errors import CatalogWriteError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
catalog = Catalog.open(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
writing = CatalogWriter(catalog)
for number in range(20):
    writing.add(synthetic.make_video(number, tracks=3, status="indexed"))
for name in ("tracks", "faces", "videos", "files"):
    write = {method: getattr(Table, method) for method in ("append", "merge")}
    def limited(method):
        def call(table, *args):
            limit(int(sys.argv[3]) if table.name == name else hard)
            write[method](table, *args)
        return call
    for method in write:
        setattr(Table, method, limited(method))
    try:
        writing.flush()
        print(name, "written")
    except CatalogWriteError as error:
        limit(hard)
        print(name, catalog.videos().num_rows, catalog.tracks().num_rows, error)
    for method in write:
        setattr(Table, method, write[method])
limit(hard)
writing.flush()
"""


@pytest.mark.parametrize("size", [16, 700], ids=["no-data", "no-commit"])
def test_a_disk_that_fills_while_writing_leaves_nothing_half_visible(
    catalog: Catalog, synthetic: ModuleType, size: int
) -> None:
    """A limit on the size of a file makes the kernel refuse writes as a full disk does."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", FULL_DISK, str(synthetic.__file__), catalog.uri, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["tracks", "0", "0"],
        ["faces", "0", "0"],
        ["videos", "0", "0"],
        ["files", "20", "60"],  # the videos are visible; their files are hashed again
    ]
    for line in lines:
        assert "cannot be written" in line
        assert "File too large" in line
        assert "free space" in line
    assert_whole(catalog)
    assert len(catalog.known_files()) == 20
    assert_no_remains(catalog)


def test_endless_contention_is_given_up(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deltalake import DeltaTable
    from deltalake.exceptions import CommitFailedError

    def lost(*arguments: object, **options: object) -> None:
        raise CommitFailedError("a concurrent transaction added new data\nHelp: rerun")

    writing = CatalogWriter(catalog)
    writing.add(synthetic.make_video(0, tracks=1))
    with monkeypatch.context() as patched:
        patched.setattr(DeltaTable, "merge", lost)
        patched.setattr(commits, "RETRY_FOR_S", 0.2)
        with pytest.raises(CatalogConflictError, match=r"other writers.*repeat the command"):
            writing.flush()
    assert catalog.tracks().num_rows == 0
    writing.flush()
    assert catalog.tracks().num_rows == 1


def test_maintenance_joins_files_and_changes_no_row(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    for number in range(24):
        with CatalogWriter(catalog) as writing:
            writing.add(synthetic.make_video(number, tracks=1, status="indexed"))
    before = contents(catalog)
    reader = catalog.snapshot()
    assert len(catalog.table("faces").open().file_uris()) == 24
    maintain(catalog)
    assert len(catalog.table("faces").open().file_uris()) == 1
    assert_same(catalog, before)
    assert reader.faces().num_rows == 48  # an open reader still has its files
    some = before["tracks"]["track_id"].tolist()[:3]
    assert catalog.faces(track_ids=some).num_rows == 6


def test_a_long_run_goes_on_committing_in_batches(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    commits = []
    with CatalogWriter(catalog, clock=lambda: now) as writer:
        flush = writer.flush

        def noted() -> None:
            commits.append(now)
            flush()

        monkeypatch.setattr(writer, "flush", noted)
        now = 3600.0  # a long video is committed as soon as it is done
        writer.add(synthetic.make_video(0, tracks=1))
        assert commits == [3600.0]
        for number in range(1, 21):  # twenty clips, one a second
            now += 1.0
            writer.add(synthetic.make_video(number, tracks=1))
        assert commits == [3600.0, 3620.0]
