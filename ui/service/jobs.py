"""Indexing runs: their state from event logs, and the start of a run as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.indexing.event_log import RunLog, read_run_logs
from ui.service.settings import FOLLOW, TOKEN_VARIABLE, VARIABLE
from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError
from vidsearch.storage.find_file import find_file
from vidsearch.text.printable import printable
from vidsearch.video.source import local_path

SILENT_AFTER_S = 1800.0
"""A run without an end event that logged nothing for this long counts as killed, seconds."""

PRIVATE = frozenset({VARIABLE, TOKEN_VARIABLE, FOLLOW})
"""Environment variables of the app that indexing processes do not get: they hold the token."""

_MAX_RUNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One indexing run.

    Attributes:
        state: ``running``, ``done``, ``stopped``, ``error``, or ``silent`` (probably killed).
        left_s: Estimated seconds left, from the videos finished so far; None if unknown.
        message: Reason of a failed end.
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
        """Number of videos indexed or failed."""
        return self.indexed + self.failed


def jobs(catalog: Catalog, now: datetime | None = None) -> tuple[Job, ...]:
    """Return the latest 20 runs that had work, newest first; unreadable logs are left out."""
    current = now if now is not None else datetime.now(UTC)
    all_jobs = [_job(log, current) for log in read_run_logs(catalog.root) if log.videos]
    return tuple(sorted(all_jobs, key=lambda job: job.started, reverse=True)[:_MAX_RUNS])


def _job(log: RunLog, now: datetime) -> Job:
    is_silent = (now - log.last_event).total_seconds() > SILENT_AFTER_S
    state = log.end if log.end is not None else "silent" if is_silent else "running"
    finished = log.indexed + log.failed
    left = None
    if state == "running" and finished:
        elapsed_s = (now - log.started).total_seconds()
        left = max(elapsed_s / finished * (log.videos - finished), 0.0)
    return Job(
        run_id=log.run_id,
        started=log.started,
        videos=log.videos,
        indexed=log.indexed,
        failed=log.failed,
        tracks=log.tracks,
        state=state,
        left_s=left,
        message=log.message,
    )


def inside_roots(folder: str, roots: Sequence[str]) -> Path:
    """Return the real path of a folder below one of the roots.

    Links are resolved first, so that no link leads outside.

    Raises:
        ConfigError: The folder is outside the roots, does not exist, or there are no roots.
    """
    if not roots:
        raise ConfigError("no folder is allowed: start the app with --root FOLDER to allow one")
    allowed = [Path(root).resolve() for root in roots]
    outside = ConfigError(
        f"'{printable(folder)}' is not a folder in {printable(', '.join(map(str, allowed)))}; "
        "choose another"
    )
    try:
        resolved = find_file(local_path(folder)).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise outside from error
    if not resolved.is_dir() or not is_inside(resolved, roots):
        raise outside
    return resolved


def is_inside(path: Path, roots: Sequence[str]) -> bool:
    """Return True if a path, or a folder that it names, is one of the roots.

    Folders are compared by their identity on the disk, so that upper and lower case, and two names
    of one folder, make no difference.

    Args:
        path: Path whose folders are compared as they are written.
        roots: Folders.
    """
    folders = set()
    for root in roots:
        try:
            status = Path(root).stat()
        except (OSError, ValueError):
            continue  # removed meanwhile: nothing is inside
        folders.add((status.st_dev, status.st_ino))
    for folder in (path, *path.parents):
        try:
            status = folder.stat()
        except (OSError, ValueError):
            return False
        if (status.st_dev, status.st_ino) in folders:
            return True
    return False


class Indexers:
    """Indexing processes started by this server."""

    def __init__(self) -> None:
        self._running: list[tuple[subprocess.Popen[bytes], Any, str]] = []

    def start(self, catalog: Catalog, folder: str, roots: Sequence[str]) -> None:
        """Start to index a folder in a new process, which continues when the app ends.

        Raises:
            ConfigError: The folder is outside the roots, or is being indexed already.
        """
        path = inside_roots(folder, roots)
        if any(name == str(path) for name in self.running()):
            raise ConfigError(
                f"'{printable(str(path))}' is being indexed already; wait for its end"
            )
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process runs)
        command = [
            sys.executable,
            "-m",
            "vidsearch.commands.main",
            "index",
            catalog.uri,
            str(path),
            *(f"--within={Path(root).resolve()}" for root in roots),
        ]
        child = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            env={name: text for name, text in os.environ.items() if name not in PRIVATE},
        )
        self._running.append((child, errors, str(path)))

    def running(self) -> list[str]:
        """Return the folders being indexed."""
        return [name for child, _, name in self._running if child.poll() is None]

    def ended(self) -> list[tuple[str, int, str]]:
        """Return folder, exit status and last error line of ended processes, each once."""
        done = [entry for entry in self._running if entry[0].poll() is not None]
        self._running = [entry for entry in self._running if entry not in done]
        results = []
        for child, errors, name in done:
            errors.seek(0)
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
            errors.close()
            results.append((name, int(child.returncode), printable(lines[-1]) if lines else ""))
        return results
