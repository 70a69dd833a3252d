"""Watching: new and changed files are taken when they are still, removed ones are named once."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines import ClusterConfig, IndexConfig
from pipelines.indexing import watch as module
from pipelines.indexing.outcomes import IndexReport
from pipelines.indexing.run import index
from pipelines.indexing.watch import watch
from vidsearch.errors import ClusterLostError


class _Over(Exception):
    pass


def look(catalog: Path, folder: Path, *steps: Callable[[], object]) -> list[IndexReport]:
    """Watch; after each look the next step happens, and after the last one the watch is over."""
    left = iter(steps)

    def wait(seconds: float) -> None:
        step = next(left, None)
        if step is None:
            raise _Over
        step()

    reports: list[IndexReport] = []
    with suppress(_Over):
        reports.extend(
            watch(catalog, [str(folder)], IndexConfig(), ClusterConfig(), every_s=60, wait=wait)
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
            monkeypatch.setattr(module, "index", index)
            return index(*_, **__)  # type: ignore[arg-type]
        raise full.pop(0)

    def more() -> None:
        shutil.copy(waiting, films / "group.mkv")
        monkeypatch.setattr(module, "index", fails)

    reports = look(tmp_path / "catalog", films, nothing, more, nothing, nothing, nothing, nothing)
    assert [report.indexed for report in reports] == [1, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "the scheduler is gone; tried again in 60 s",
        "TimeoutError without a message; tried again in 60 s",
    ]
    full.append(TimeoutError())
    monkeypatch.setattr(module, "index", fails)
    with pytest.raises(TimeoutError):
        look(tmp_path / "another", films, nothing)
