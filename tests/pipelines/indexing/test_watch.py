"""Watching: new and changed files are taken when they are still, removed ones are named once."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pipelines import ClusterConfig, IndexConfig
from pipelines.indexing import watch as module
from pipelines.indexing.outcomes import IndexReport
from pipelines.indexing.run import index_found
from pipelines.indexing.watch import watch
from pipelines.stages import index_video
from vidsearch.catalog import Catalog
from vidsearch.errors import ClusterLostError
from vidsearch.video.discover import VideoSource


class _Over(Exception):
    pass


def look(
    catalog: Path, folders: Path | Sequence[Path], *steps: Callable[[], object]
) -> list[IndexReport]:
    """Watch; after each look the next step happens, and after the last one the watch is over."""
    sources = [str(folder) for folder in ([folders] if isinstance(folders, Path) else folders)]
    left = iter(steps)

    def wait(seconds: float) -> None:
        step = next(left, None)
        if step is None:
            raise _Over
        step()

    reports: list[IndexReport] = []
    with suppress(_Over):
        reports.extend(
            watch(catalog, sources, IndexConfig(), ClusterConfig(), every_s=60, wait=wait)
        )
    return reports


def nothing() -> None:
    pass


def test_new_changed_and_removed_files(
    films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="pipelines.indexing.watch")
    waiting = tmp_path / "waiting"
    films.rename(waiting)
    films.mkdir()
    target = films / "film.mp4"
    whole = (waiting / "astronaut film.mp4").read_bytes()
    reports = look(
        tmp_path / "catalog",
        films,
        lambda: target.write_bytes(whole[:5000]),  # being copied
        lambda: target.write_bytes(whole),
        nothing,
        lambda: shutil.copy(waiting / "sub/group.mkv", films / "group.mkv"),
        nothing,
        nothing,
        target.unlink,
        nothing,
    )
    assert [(report.indexed, report.failed) for report in reports] == [(1, 0), (1, 0)]
    removed = [record.getMessage() for record in caplog.records]
    assert len(removed) == 1
    assert str(target) in removed[0]
    assert "vidsearch forget" in removed[0]


def test_a_broken_file_is_tried_once(films: Path, tmp_path: Path) -> None:
    shutil.rmtree(films / "sub")
    (films / "astronaut film.mp4").write_bytes(b"nothing")
    reports = look(tmp_path / "catalog", films, nothing, nothing, nothing)
    assert [report.failed for report in reports] == [1]


def test_a_run_that_fails_is_tried_again_unless_it_is_the_first(
    films: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, logger="pipelines.indexing.watch")
    waiting = films / "sub/group.mkv"
    waiting = waiting.rename(tmp_path / "group.mkv")
    full = [ClusterLostError("the scheduler is gone"), TimeoutError()]

    def fails(*_: object, **__: object) -> IndexReport:
        if not full:
            monkeypatch.setattr(module, "index_found", index_found)
            return index_found(*_, **__)  # type: ignore[arg-type]
        raise full.pop(0)

    def more() -> None:
        shutil.copy(waiting, films / "group.mkv")
        monkeypatch.setattr(module, "index_found", fails)

    reports = look(tmp_path / "catalog", films, nothing, more, nothing, nothing, nothing, nothing)
    assert [report.indexed for report in reports] == [1, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "the scheduler is gone; tried again in 60 s",
        "TimeoutError without a message; tried again in 60 s",
    ]
    full.append(TimeoutError())
    monkeypatch.setattr(module, "index_found", fails)
    with pytest.raises(TimeoutError):
        look(tmp_path / "another", films, nothing)


def test_a_film_that_grows_after_its_scan_is_decoded_once(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(films / "sub")
    film = films / "astronaut film.mp4"
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 2])
    decoded: list[str] = []
    read = index_video.run

    def counted(source: VideoSource, *options: Any, **more: Any) -> Any:
        decoded.append(source.uri)
        return read(source, *options, **more)

    monkeypatch.setattr(index_video, "run", counted)

    def grows_before_its_turn() -> None:
        monkeypatch.setattr(module, "index_found", writes_then_indexes)

    def writes_then_indexes(*arguments: Any, **options: Any) -> IndexReport:
        film.write_bytes(whole)
        monkeypatch.setattr(module, "index_found", index_found)
        return index_found(*arguments, **options)

    reports = look(tmp_path / "catalog", films, grows_before_its_turn, nothing, nothing, nothing)
    assert [(report.indexed, report.failed) for report in reports] == [(0, 1), (1, 0)]
    assert [failure.stage for failure in reports[0].failures] == ["changed"]
    assert decoded == [str(film)]
    assert [row["status"] for row in Catalog.open(tmp_path / "catalog").videos().to_pylist()] == [
        "indexed"
    ]


def test_the_account_follows_files_that_are_no_videos(films: Path, tmp_path: Path) -> None:
    look(tmp_path / "catalog", films, nothing, lambda: (films / "a.xmp").write_bytes(b"x"), nothing)
    (source,) = Catalog.open(tmp_path / "catalog").status().sources
    assert source.account.passed_over == {".xmp": 1}


def test_sources_that_give_no_video_are_named_once(
    films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="pipelines.indexing.watch")
    share = tmp_path / "share"
    reports = look(tmp_path / "catalog", [share, films], nothing, nothing)
    assert [(report.indexed, report.failed) for report in reports] == [(2, 0)]
    assert [record.getMessage() for record in caplog.records] == [
        f"'{share}' does not exist; check the path; looked at again"
    ]
