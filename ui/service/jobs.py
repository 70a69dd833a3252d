"""Indexing runs: what their event logs say, and starting one in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.indexing.event_log import FOLDER
from ui.service.settings import FOLLOW, TOKEN_VARIABLE, VARIABLE
from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

SILENT_AFTER_S = 1800.0
"""A run without an end that said nothing for so long is taken for killed."""

PRIVATE = frozenset({VARIABLE, TOKEN_VARIABLE, FOLLOW})
"""Of the app's environment: no indexing process needs to know the token."""

_RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One indexing run.

    Attributes:
        state: ``running``, ``done``, ``stopped``, ``error``, or ``silent`` (killed, as it seems).
        left_s: Judged from the videos finished so far; None where nothing can be said.
        message: Why it ended, where it ended badly.
    """

    run_id: str
    started: datetime
    videos: int
    indexed: int
    failed: int
    tracks: int
    state: str
    left_s: float | None
    message: str = ""

    @property
    def finished(self) -> int:
        return self.indexed + self.failed


def jobs(catalog: Catalog, now: datetime | None = None) -> tuple[Job, ...]:
    """Return the latest runs, newest first; a log that cannot be read is left out."""
    folder = catalog.root.child(FOLDER)
    lines: dict[str, list[str]] = {}
    for name in sorted(folder.names()):
        run_id = name.split(".")[0]
        try:
            content = folder.child(name).read().decode("utf-8", "replace")
        except OSError:
            continue
        lines.setdefault(run_id, []).extend(content.splitlines())
    moment = now if now is not None else datetime.now(UTC)
    found = [job for run_id, log in lines.items() if (job := _job(run_id, log, moment))]
    return tuple(sorted(found, key=lambda job: job.started, reverse=True)[:_RUNS_SHOWN])


def _job(run_id: str, lines: Iterable[str], now: datetime) -> Job | None:
    events = [event for line in lines if (event := _parsed(line)) is not None]
    start = next((event for event in events if event["event"] == "start"), None)
    if start is None:
        return None
    videos = [event for event in events if event["event"] == "video"]
    failed = sum(event.get("status") == "failed" for event in videos)
    end = next((event for event in events if event["event"] == "end"), None)
    began, last = _time(start), _time(events[-1])
    total = int(start.get("videos", 0))
    quiet = (now - last).total_seconds() > SILENT_AFTER_S
    state = str(end["how"]) if end is not None else "silent" if quiet else "running"
    left = None
    if state == "running" and videos:
        left = max((now - began).total_seconds() / len(videos) * (total - len(videos)), 0.0)
    return Job(
        run_id=run_id,
        started=began,
        videos=total,
        indexed=len(videos) - failed,
        failed=failed,
        tracks=sum(int(event.get("tracks", 0)) for event in videos),
        state=state,
        left_s=left,
        message=str(end.get("message", "")) if end is not None else "",
    )


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None  # the last line of a killed run
    return event if isinstance(event, dict) and "event" in event and "time" in event else None


def _time(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])


def inside_roots(folder: str, roots: Sequence[str]) -> Path:
    """Return the real path of a folder that may be opened from the app.

    Links are followed first, so that none leads out.

    Raises:
        ConfigError: It is in no root, does not exist, or there are no roots.
    """
    if not roots:
        raise ConfigError(
            "no folder may be opened from here: start the app with --root FOLDER to allow one"
        )
    allowed = [Path(root).resolve() for root in roots]
    outside = ConfigError(
        f"'{printable(folder)}' is no folder in {', '.join(map(str, allowed))}; choose one that is"
    )
    try:
        real = Path(folder).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise outside from error
    if not real.is_dir() or not any(real.is_relative_to(root) for root in allowed):
        raise outside
    return real


class Indexers:
    """The indexing processes that this server started."""

    def __init__(self) -> None:
        self._running: list[tuple[subprocess.Popen[bytes], Any, str]] = []

    def start(self, catalog: Catalog, folder: str, roots: Sequence[str]) -> None:
        """Index a folder in a process of its own, which goes on when the app ends.

        Raises:
            ConfigError: The folder is outside the roots, or is being indexed already.
        """
        place = inside_roots(folder, roots)
        if any(name == str(place) for name in self.running()):
            raise ConfigError(f"'{printable(str(place))}' is being indexed already; wait for it")
        told = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        command = [
            sys.executable,
            "-m",
            "vidsearch.commands.main",
            "index",
            catalog.uri,
            str(place),
        ]
        child = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
            env={name: text for name, text in os.environ.items() if name not in PRIVATE},
        )
        self._running.append((child, told, str(place)))

    def running(self) -> list[str]:
        """Return the folders that are being indexed."""
        return [name for child, _, name in self._running if child.poll() is None]

    def ended(self) -> list[tuple[str, int, str]]:
        """Return folder, exit status and last words of those that ended, each of them once."""
        done = [entry for entry in self._running if entry[0].poll() is not None]
        self._running = [entry for entry in self._running if entry not in done]
        found = []
        for child, told, name in done:
            told.seek(0)
            words = told.read().decode("utf-8", "replace").strip().splitlines()
            told.close()
            found.append((name, int(child.returncode), printable(words[-1]) if words else ""))
        return found
