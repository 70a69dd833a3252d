"""Indexing runs from event logs, allowed folders, and an indexing process."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ui.service.jobs import Indexers, inside_roots, jobs
from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError

NOON = datetime(2024, 5, 31, 12, tzinfo=UTC)


def write_log(catalog: Catalog, name: str, events: list[tuple[int, dict[str, object]]]) -> None:
    assert catalog.root.path is not None
    folder = catalog.root.path / "runs"
    folder.mkdir(exist_ok=True)
    lines = [
        json.dumps({"time": (NOON + timedelta(seconds=at)).isoformat(), **event})
        for at, event in events
    ]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + '\n{"half a li')


def test_a_running_job_says_how_far_it_is(catalog: Catalog) -> None:
    write_log(
        catalog,
        "r1",
        [
            (0, {"event": "start", "videos": 6}),
            (40, {"event": "video", "status": "indexed", "tracks": 3}),
            (60, {"event": "video", "status": "failed"}),
        ],
    )
    job = next(j for j in jobs(catalog, NOON + timedelta(seconds=80)) if j.run_id == "r1")
    assert (job.state, job.indexed, job.failed, job.tracks, job.videos) == ("running", 1, 1, 3, 6)
    # Two videos in 80 s, so four more take 160 s.
    assert job.left_s == pytest.approx(160)
    later = next(j for j in jobs(catalog, NOON + timedelta(hours=2)) if j.run_id == "r1")
    assert (later.state, later.left_s) == ("silent", None)


def test_a_run_without_work_is_not_listed(catalog: Catalog) -> None:
    write_log(
        catalog,
        "r3",
        [(0, {"event": "start", "videos": 0}), (1, {"event": "end", "how": "done"})],
    )
    assert [job for job in jobs(catalog, NOON) if job.run_id == "r3"] == []


def test_an_ended_job_says_how(catalog: Catalog) -> None:
    write_log(
        catalog,
        "r2",
        [
            (0, {"event": "start", "videos": 1}),
            (5, {"event": "end", "how": "error", "message": "the disk is full"}),
        ],
    )
    job = next(j for j in jobs(catalog, NOON) if j.run_id == "r2")
    assert (job.state, job.message) == ("error", "the disk is full")


def test_no_path_leads_out_of_the_roots(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-not"
    (root / "in").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    (root / "file").write_text("x")
    assert inside_roots(str(root / "in"), [str(root)]) == root / "in"
    assert inside_roots(str(root), [str(root)]) == root
    for wrong in (outside, root / "link", root / ".." / "root-not", root / "file", root / "gone"):
        with pytest.raises(ConfigError, match="is not a folder in"):
            inside_roots(str(wrong), [str(root)])
    for odd in ("", "@/etc/passwd", "a\0b", "/etc"):
        with pytest.raises(ConfigError, match="is not a folder in"):
            inside_roots(odd, [str(root)])
    with pytest.raises(ConfigError, match="--root FOLDER"):
        inside_roots(str(root), [])


def test_a_folder_is_indexed_in_a_process_of_its_own(catalog: Catalog, made: Path) -> None:
    indexers = Indexers()
    folder = made / "archive" / "sub"
    indexers.start(catalog, str(folder), [str(made)])
    assert indexers.running() == [str(folder)]
    with pytest.raises(ConfigError, match="being indexed already"):
        indexers.start(catalog, str(folder), [str(made)])
    deadline = time.monotonic() + 60
    while indexers.running() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert indexers.ended() == [(str(folder), 0, "")]
    assert indexers.ended() == []
