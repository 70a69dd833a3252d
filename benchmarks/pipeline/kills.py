"""Random SIGKILLs of workers and commands over repeated runs: is a row lost or doubled?

    python -m benchmarks.pipeline.kills [--kills 200] [--videos 60] [--seconds 480] [--seed 1]

``vidsearch index --workers 2`` indexes an archive of small generated videos. After random times a
random worker, or the command itself, is killed. The command is repeated until the archive is done.
Then the tables must equal those of an undisturbed run (run ids and times aside), and the next round
begins with a new catalog. ``--seconds`` ends it early, after the current catalog.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import psutil

from pipelines.demo.camera_moves import CameraMove, DemoVideo
from pipelines.demo.people import load_pictures
from pipelines.demo.render import render_video
from vidsearch import Catalog

FILM = DemoVideo(
    "group.mkv",
    "libx264",
    (
        CameraMove("group", 0.5, (520, 330, 330), (525, 332, 320)),
        CameraMove("group", 0.5, (790, 410, 420), (800, 400, 340)),
    ),
)
CLIENT_SHARE = 0.25
LONGEST_WAIT_S = 4.0
LONGEST_START_S = 300.0
LONGEST_RUN_S = 1200.0


def make_archive(folder: Path, videos: int) -> None:
    """Encode one video; bytes after the end give each file its own content."""
    folder.mkdir()
    render_video(folder / FILM.name, FILM, load_pictures())
    content = (folder / FILM.name).read_bytes()
    (folder / FILM.name).unlink()
    for number in range(videos):
        (folder / f"{number:03d}.mkv").write_bytes(content + number.to_bytes(4, "big"))


def tables(catalog: Path) -> list[list[str]]:
    """Return every row of the tables without run ids and clock times, sorted."""
    archive = Catalog.open(catalog)
    found = []
    for rows in (archive.videos(), archive.tracks(), archive.faces()):
        aside = [name for name in ("run_id", "indexed_at") if name in rows.column_names]
        found.append(sorted(map(str, rows.drop_columns(aside).to_pylist())))
    return found


def workers_of(client: psutil.Process) -> list[psutil.Process]:
    """Return the live worker processes."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in client.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child)
    return found


def disturbed_run(
    command: list[str], said: IO[bytes], chance: random.Random, killed: Counter[str]
) -> int:
    """Run the command and kill at random until it ends; return its status, -9 if it was killed."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
    )
    client = psutil.Process(process.pid)
    wait_for(lambda: process.poll() is not None or bool(workers_of(client)), "workers or an end")
    end = time.monotonic() + LONGEST_RUN_S
    while True:
        if time.monotonic() > end:
            process.kill()
            sys.exit(f"a run did not end within {LONGEST_RUN_S:.0f} s")
        try:
            return process.wait(chance.uniform(0.1, LONGEST_WAIT_S))
        except subprocess.TimeoutExpired:
            workers = workers_of(client)
        kind = "client" if chance.random() < CLIENT_SHARE else "worker"
        if kind == "worker" and not workers:
            continue
        with suppress(psutil.NoSuchProcess):
            (client if kind == "client" else chance.choice(workers)).kill()
            killed[kind] += 1
        if kind == "client":
            wait_for(partial(_all_gone, workers), "the end of its workers")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LONGEST_START_S
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited {LONGEST_START_S:.0f} s for {what}")
        time.sleep(0.05)


def _all_gone(processes: list[psutil.Process]) -> bool:
    return not any(map(_works, processes))


def _works(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    killed: Counter[str] = Counter()
    runs = catalogs = 0
    end = time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "archive"
        make_archive(archive, args.videos)
        index = [sys.executable, "-m", "vidsearch.commands.main", "index"]
        options = [str(archive), "--workers", "2", "--retry-failed"]
        subprocess.run([*index, f"{scratch}/quiet", *options], check=True, timeout=LONGEST_RUN_S)
        wanted = tables(Path(scratch) / "quiet")
        while killed.total() < args.kills and time.monotonic() < end:
            catalog = Path(scratch) / f"catalog-{catalogs}"
            status = -9
            while status != 0:
                command = [*index, str(catalog), *options]
                with (Path(scratch) / "said").open("wb") as said:
                    if killed.total() < args.kills:
                        status = disturbed_run(command, said, chance, killed)
                    else:
                        status = subprocess.run(
                            command, stderr=said, check=False, timeout=LONGEST_RUN_S
                        ).returncode
                runs += 1
                words = (Path(scratch) / "said").read_text()
                # 3: chance killed three workers of one video, which is tried again; or it killed
                # three starts in a row, where the command ends and asks to be repeated.
                if status not in {0, 3, -9} and "repeat the command" not in words:
                    sys.exit(f"after {killed.total()} kills, status {status}: {words}")
            catalogs += 1
            if tables(catalog) != wanted:
                sys.exit(f"after {killed.total()} kills the tables of {catalog} differ")
            print(
                f"{killed.total()} kills ({killed['worker']} of workers, {killed['client']} of "
                f"clients) in {runs} runs over {catalogs} catalogs of {args.videos} videos: "
                "tables equal",
                flush=True,
            )


if __name__ == "__main__":
    main()
