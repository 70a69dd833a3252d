"""Watching: new and changed files are taken when they are still, removed ones are named once."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.payloads import IndexOptions
from pipelines.tally import IndexReport
from pipelines.watch import watch


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
        reports.extend(watch(catalog, [str(folder)], IndexOptions(), every_s=60, wait=wait))
    return reports


def nothing() -> None:
    pass


def test_new_changed_and_removed_files(
    films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="pipelines.watch")
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
