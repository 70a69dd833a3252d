"""Real processes for the failure tests: the command, its workers, videos that break decoders."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from vidsearch import Catalog

COMMAND = [sys.executable, "-m", "vidsearch.commands.main"]

# Loaded by every Python process of a test: opening a video of such a name acts like a broken
# decoder. "hangs" keeps the interpreter lock, so no other thread runs.
_BROKEN_DECODER = """
import ctypes, os, signal, time
import vidsearch.video.open as reader

_open = reader.open_video

def open_video(uri, *args, **kwargs):
    name = os.path.basename(uri)
    if name.startswith("kills"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("hangs"):
        ctypes.PyDLL(None).sleep(600)
    if name.startswith("sleeps"):
        time.sleep(600)
    if name.startswith("slow"):
        time.sleep(2)
    if name.startswith("eats"):
        kept = []
        while True:
            kept.append(b"x" * (8 << 20))
            time.sleep(0.005)
    return _open(uri, *args, **kwargs)

reader.open_video = open_video

# Short time limits for tests. Only processes that import the modules are affected.
import importlib.abc, sys

class _ShortLimits(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in ("pipelines.indexing.time_limit", "pipelines.cluster.connect"):
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            if name == "pipelines.indexing.time_limit" and "VIDSEARCH_TEST_START_S" in os.environ:
                seconds = float(os.environ["VIDSEARCH_TEST_START_S"])
                module.TimeLimit.__init__.__defaults__ = (seconds,)
            within_s = os.environ.get("VIDSEARCH_TEST_WORKERS_WITHIN_S")
            if name == "pipelines.cluster.connect" and within_s is not None:
                module.WORKERS_WITHIN_S = float(within_s)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, _ShortLimits())
"""


def broken_decoder(folder: Path) -> dict[str, str]:
    """Return an environment in which videos of certain names break the decoder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_BROKEN_DECODER)
    path = os.pathsep.join([str(folder), str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def start(
    *args: object,
    env: dict[str, str] | None = None,
    group: bool = False,
    file_limit: int | None = None,
) -> subprocess.Popen[str]:
    """Start the command.

    Args:
        args: Arguments of the command.
        env: Environment; None: that of this process.
        group: Start a process group, as a terminal does.
        file_limit: Largest size of a file in bytes; simulates a full disk.
    """

    def limit() -> None:
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return subprocess.Popen(
        [*COMMAND, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**(env if env is not None else os.environ), "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=group,
        preexec_fn=limit,  # noqa: PLW1509 (the tests have one thread)
    )


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C: the terminal sends it to every process of the group."""
    os.killpg(process.pid, signal.SIGINT)


@dataclass(frozen=True)
class Cluster:
    """A scheduler and its workers, started by hand."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def cluster(folder: Path, workers: int, code: Path | None = None) -> Iterator[Cluster]:
    """Start ``dask scheduler`` and ``dask worker`` processes; ``code``: their source folder."""
    file = folder / f"scheduler-{time.monotonic_ns()}.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "dask"]
    where = code if code is not None else Path.cwd()
    env = {**os.environ, "PYTHONPATH": str(where)}
    options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    scheduler = subprocess.Popen(
        [*dask, "scheduler", *options, "--scheduler-file", str(file)],
        cwd=where,
        env=env,
        **quiet,  # type: ignore[call-overload]
    )
    started = []
    try:
        # Dask writes the file in place: for a moment it is there and empty.
        wait_until(lambda: file.exists() and file.read_bytes().endswith(b"}"))
        address = json.loads(file.read_text())["address"]
        for _ in range(workers):
            command = [*dask, "worker", address, "--nthreads", "1", "--no-dashboard"]
            command += ["--local-directory", str(folder / "scratch")]
            started.append(subprocess.Popen(command, cwd=where, env=env, **quiet))  # type: ignore[call-overload]
        yield Cluster(address, scheduler, started)
    finally:
        for process in (*started, scheduler):
            process.terminate()
        for process in (*started, scheduler):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Kill a command and its workers, which may hold its pipes; return stdout and stderr."""
    for worker in workers(process):
        kill(worker)
    process.kill()
    return process.communicate(timeout=30)


def finish(process: subprocess.Popen[str], timeout_s: float = 300) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        out, err = ended(process)
        raise AssertionError(f"still running after {timeout_s} s: {err}") from None
    return process.returncode, out, err


def run(*args: object, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    return finish(start(*args, env=env))


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the worker processes of a running command."""
    found = []
    try:
        for child in psutil.Process(process.pid).children(recursive=True):
            line = " ".join(child.cmdline())
            if "spawn_main" in line:
                found.append(child)
    except psutil.NoSuchProcess:
        pass
    return found


def wait_until(condition: Callable[[], bool], timeout_s: float = 180) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "the condition never became true"
        time.sleep(0.02)


def events(catalog: Path) -> list[dict[str, Any]]:
    """Return the events of all runs, in the order of the runs' names."""
    lines: list[dict[str, Any]] = []
    for path in sorted((catalog / "runs").glob("*.jsonl")):
        lines += [json.loads(line) for line in path.read_text().splitlines()]
    return lines


def tables(catalog: Path | str) -> list[list[dict[str, object]]]:
    """Return all rows without run ids and times, sorted.

    Images and vectors are replaced by hashes, so that pytest explains a difference in few lines.
    """
    archive = Catalog.open(catalog)
    out = []
    for rows in (archive.videos(), archive.tracks(), archive.faces()):
        plain = rows.drop_columns(
            [name for name in ("run_id", "indexed_at") if name in rows.column_names]
        ).to_pylist()
        out.append(sorted(({k: _brief(v) for k, v in row.items()} for row in plain), key=str))
    return out


def _brief(value: object) -> object:
    if isinstance(value, bytes) or (isinstance(value, list) and len(value) > 4):
        return hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()
    return value


def kill(process: psutil.Process | subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
