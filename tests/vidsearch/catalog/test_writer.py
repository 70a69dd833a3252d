"""Batches, limits, full disks and contention of a writer: no batch is visible by half."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.vidsearch.catalog.written_rows import (
    assert_no_remains,
    assert_same,
    assert_whole,
    contents,
    raw,
)
from vidsearch.catalog import Catalog, CatalogWriter, WriterConfig, commits, writer
from vidsearch.catalog.maintenance import maintain, repair
from vidsearch.catalog.tables import Table
from vidsearch.errors import CatalogConflictError, CatalogWriteError, ConfigError


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
