"""Erasures that are killed, out of space, or beside other commands."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers.synthetic_catalog import DIM, MODEL_ID, make_video
from vidsearch.archive import Archive
from vidsearch.catalog import Catalog, CatalogWriter, WriterConfig
from vidsearch.catalog.erasures.pending import (
    FOLDER,
    LOCK,
    PendingErasure,
    erasure_marks,
    pending_erasures,
    unless_erased,
)
from vidsearch.catalog.maintenance import repair
from vidsearch.catalog.people import add_person, judge, judgements
from vidsearch.catalog.tables import Table
from vidsearch.commands.main import main
from vidsearch.erasure import erase
from vidsearch.erasure.erase import finish_pending
from vidsearch.erasure.patterns import Patterns
from vidsearch.erasure.person import forget_person
from vidsearch.erasure.videos import forget_video
from vidsearch.errors import CatalogChangedError, CatalogError, CatalogWriteError, ConfigError
from vidsearch.models.calibration import Calibration
from vidsearch.search.search import PhotoSearcher
from vidsearch.search.track_index import rebuild
from vidsearch.storage.drive import commit_lock
from vidsearch.storage.path import StoragePath

NAME = "Ada Lövelace"
CURVE = Calibration(slope=10.0, intercept=-5.0, fitted_on="an example", pairs=2)
MODELS: Any = SimpleNamespace(model_id=MODEL_ID, calibration=CURVE)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Four videos with three tracks each, an index, and Ada in two of the videos."""
    made = Catalog.create(tmp_path / "c", pack="toy", model_id=MODEL_ID, dim=DIM)
    with CatalogWriter(made) as writer:
        for number in range(4):
            writer.add(make_video(number, tracks=3, status="indexed"))
    rebuild(made)
    judge(made, erased(made), add_person(made, NAME), same=True)
    return made


def erased(catalog: Catalog) -> list[str]:
    """Return the tracks of Ada: one of each of two videos."""
    rows = catalog.table("tracks").read(["track_id", "video_id"]).to_pylist()
    return sorted(
        min(row["track_id"] for row in rows if row["video_id"] == video)
        for video in ("video-0000", "video-0001")
    )


def hits(catalog: Catalog) -> set[str]:
    other = catalog.tracks(["track_id"], video_ids=["video-0003"])["track_id"].to_pylist()[0]
    found = PhotoSearcher(catalog, MODELS).search_faces([], tracks=[other]).hits
    return {hit.track_id for hit in found}


def files_with(folder: Path, *texts: str) -> list[str]:
    wanted = [text.encode() for text in texts]
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "receipts"
        if any(text in path.read_bytes() for text in wanted)
    ]


def begin_only(monkeypatch: pytest.MonkeyPatch, forget: Callable[[], object]) -> None:
    """Kill an erasure after its intent was written."""

    def killed(_: Catalog) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(erase, "remove_superseded", killed)
        with pytest.raises(KeyboardInterrupt):
            forget()


def test_an_erasure_hides_its_data_before_the_first_deletion(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks, everything = erased(catalog), hits(catalog)
    open_searcher = PhotoSearcher(catalog, MODELS)
    begin_only(monkeypatch, lambda: forget_person(catalog, NAME))
    assert everything >= set(tracks)
    assert hits(catalog) == everything - set(tracks)
    open_searcher.refresh_if_changed()
    assert catalog.tracks(["track_id"], track_ids=tracks).num_rows == 0
    assert catalog.faces(["time_s"], track_ids=tracks).num_rows == 0
    assert judgements(catalog).names == {}
    assert repair(catalog).videos == 0, "the number of tracks is not final yet"
    (pending,) = Archive(catalog).status().pending_erasures
    assert (pending.kind, pending.tracks) == ("person", tuple(tracks))
    with commit_lock(Path(catalog.uri), name=LOCK):  # another process completes it
        assert Archive(catalog).status().pending_erasures == ()
    assert main(["status", catalog.uri]) == 0
    assert "is not complete; its data are hidden" in capsys.readouterr().out
    assert rebuild(catalog).pending == 0
    ((_, receipt),) = finish_pending(catalog)
    assert receipt.rows == {"people": 1, "faces": 4, "tracks": 2, "verdicts": 2}
    assert files_with(Path(catalog.uri), NAME, *tracks) == []
    assert hits(catalog) == everything - set(tracks)


def test_a_repeat_by_name_or_path_completes_what_was_begun(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(2).video.uri
    begin_only(monkeypatch, lambda: forget_video(catalog, path))
    assert catalog.videos(["video_id"]).num_rows == 3
    assert forget_video(catalog, path).rows["tracks"] == 3
    begin_only(monkeypatch, lambda: forget_person(catalog, NAME))
    # Another erasure completes the first one, too.
    assert forget_video(catalog, "video-0003").rows["tracks"] == 3
    assert pending_erasures(catalog.root) == ()
    with pytest.raises(ConfigError, match="not in the catalog"):
        forget_person(catalog, NAME)
    assert len(list((Path(catalog.uri) / "receipts").iterdir())) == 3


@pytest.mark.parametrize("step", ["faces", "receipt"])
def test_no_space_between_two_steps(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    tracks, delete = erased(catalog), Table.delete

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        if step == "receipt":
            patched.setattr(erase, "write_receipt", full)
        else:
            patched.setattr(
                Table, "delete", lambda t, p: full() if t.name == step else delete(t, p)
            )
        assert main(["forget", catalog.uri, "--person", NAME]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "No space left" in message
    assert "the repeated command completes it" in message
    assert hits(catalog).isdisjoint(tracks)
    receipt = forget_person(catalog, NAME)
    assert (receipt.rows["tracks"], receipt.rows["people"]) == (2, 1)
    assert files_with(Path(catalog.uri), NAME, *tracks) == []


def test_no_space_or_permission_for_the_intent_changes_nothing(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hits(catalog)
    for number in (errno.ENOSPC, errno.EROFS, errno.EACCES):
        with monkeypatch.context() as patched:

            def refused(path: StoragePath, _: bytes, number: int = number) -> None:
                raise OSError(number, os.strerror(number), path.uri)

            patched.setattr(StoragePath, "write", refused)
            with pytest.raises(CatalogWriteError, match="free space or check the write permission"):
                forget_person(catalog, NAME)
    assert hits(catalog) == before
    assert pending_erasures(catalog.root) == ()


def test_a_clock_that_was_set_back(catalog: Catalog) -> None:
    tracks = erased(catalog)
    future = time.time() + 2 * 86400
    for path in Path(catalog.uri).rglob("*"):
        os.utime(path, (future, future))
    assert forget_person(catalog, NAME).rows["tracks"] == 2
    assert files_with(Path(catalog.uri), NAME, *tracks) == []
    with CatalogWriter(catalog) as writer:
        writer.add(make_video(7, tracks=1, status="indexed"))
    assert catalog.status().videos["indexed"] == 5


def test_files_of_killed_writers_are_erased(catalog: Catalog) -> None:
    tracks, folder = erased(catalog), Path(catalog.uri)
    data = next((folder / "tracks").glob("*.parquet"))
    shutil.copy(data, data.with_name("part-00000-killed.parquet"))
    data.with_name("part-00001-killed.parquet").write_bytes(data.read_bytes()[:300])
    log = folder / "verdicts" / "_delta_log" / "_commit_killed.json.tmp"
    log.write_text(tracks[0])
    part = folder / "index" / ".CURRENT.0123.part"
    part.write_text(NAME)
    os.utime(part, (1, 1))
    intent = folder / FOLDER / ".person-0.json.0123.part"  # a killed call of the same command
    intent.parent.mkdir()
    intent.write_text(NAME)
    forget_person(catalog, NAME)
    left = [path for path in folder.rglob("*") if "killed" in path.name or path in (part, intent)]
    assert left == []


def test_a_busy_writer_waits_for_moments(catalog: Catalog) -> None:
    tracks = erased(catalog)
    errors: list[BaseException] = []

    def write() -> None:
        try:
            with CatalogWriter(Catalog.open(catalog.uri), config=WriterConfig(flush_videos=1)) as w:
                for number in range(10, 18):
                    w.add(make_video(number, tracks=1, status="indexed"))
        except CatalogError as error:
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    receipt = forget_person(catalog, NAME)
    writer.join()
    assert (receipt.found, errors) == (0, [])
    assert catalog.status().videos["indexed"] == 12
    assert repair(catalog).videos == 0
    assert files_with(Path(catalog.uri), NAME, *tracks) == []


def test_a_video_erased_while_it_was_indexed_does_not_come_back(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    with CatalogWriter(catalog) as writer:
        writer.add(make_video(2, tracks=3, status="indexed"))
        writer.add(make_video(8, tracks=1, status="indexed"))
        forget_video(catalog, "video-0002")
    assert "video-0002 was erased meanwhile" in caplog.text
    assert sorted(catalog.video_statuses())[-1] == "video-0008"
    assert files_with(Path(catalog.uri), "video-0002") == []


def test_data_read_before_an_erasure_are_not_published(catalog: Catalog) -> None:
    marks = erasure_marks(catalog.root)
    with unless_erased(catalog.root, marks):
        pass
    forget_person(catalog, NAME)
    with pytest.raises(CatalogChangedError), unless_erased(catalog.root, marks):
        raise AssertionError("the block must not run")


def test_an_index_with_tracks_that_the_tables_lack(catalog: Catalog) -> None:
    # An earlier version of vidsearch was killed before it rebuilt the index.
    tracks, everything = erased(catalog), hits(catalog)
    catalog.table("tracks").delete(f"track_id = '{tracks[0]}'")
    assert hits(catalog) == everything - {tracks[0]}


def test_the_file_of_an_erasure(tmp_path: Path) -> None:
    root = StoragePath.of(tmp_path)
    erasure = PendingErasure(
        kind="video",
        identity="caf\udce9",
        started_at="2024-01-01T00:00:00+00:00",
        tracks=("a",),
        rows={"tracks": 1},
        texts=(b"\xff",),
        templates=b"\0\1",
    )
    assert PendingErasure.from_bytes(erasure.to_bytes()) == erasure
    root.child(FOLDER).child("video-x.json").write(b"{")
    with pytest.raises(CatalogError, match=r"video-x\.json.*remove it and repeat the erasure"):
        pending_erasures(root)


def test_many_patterns_are_found_at_every_offset() -> None:
    patterns = [f"pattern number {number:06d}".encode() for number in range(500)]
    search = Patterns([*patterns, b"short"])
    for offset in range(9):
        assert search.found_in(b"x" * offset + patterns[321] + b"y")
    assert search.found_in(b"a short text")
    assert not search.found_in(b"pattern number 9999999 " * 100)
    assert not Patterns([]).found_in(b"anything")
