"""Peak memory of a run: archives of 10, 100 and 1000 videos, and one file of four hours.

    python -m benchmarks.pipeline.pipeline_memory [--videos 10,100,1000] [--hours 4] [--workers 2]

The videos of the series are one generated clip of a second; bytes after the end give each file its
own content. So growth with their number is the memory a run needs per video. The long file is the
real clips, small and slow, joined by copying their packets. It is sampled at ``--fps``, once in
slices and once whole. Every run is the command in a process of its own. Its memory and that of its
workers (resident, largest of 10 samples a second) are measured from outside. The client joins the
slices, so its memory counts as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import psutil

from benchmarks.media import join, media_folder

LONGEST_RUN_S = 3600.0


@dataclass(frozen=True)
class Peak:
    """MiB of the client and of its largest worker, and the report of the run."""

    client_mib: float
    worker_mib: float
    report: dict[str, Any]


def make_series(folder: Path, count: int) -> None:
    """Write ``count`` videos of one second that differ in their last bytes."""
    folder.mkdir()
    clip = sorted((media_folder() / "videos").glob("*.mp4"))[0]
    base = folder.parent / "second.mp4"
    with av.open(str(base), "w") as out, av.open(str(clip)) as real:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number, frame in zip(range(25), real.decode(video=0), strict=False):
            small = frame.reformat(160, 120, "yuv420p")
            small.pts, small.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(small))
        out.mux(stream.encode(None))
    content = base.read_bytes()
    for number in range(count):
        (folder / f"{number:05d}.mp4").write_bytes(content + number.to_bytes(4, "big"))


def make_long(path: Path, hours: float) -> None:
    """Write the real clips, 320 x 180 at 10 frames a second, until they last ``hours``."""
    once = path.with_name("once.mp4")
    join(sorted((media_folder() / "videos").glob("*.mp4")), once, size_wh=(320, 180), fps=10)
    with av.open(str(once)) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        stamps = [(packet.pts, packet.dts) for packet in packets]
        assert stream.time_base is not None
        assert stream.duration is not None
        turns = int(hours * 3600 / float(stream.duration * stream.time_base)) + 1
        with av.open(str(path), "w") as out:
            copy = out.add_stream_from_template(stream)
            for turn in range(turns):
                for packet, (pts, dts) in zip(packets, stamps, strict=True):
                    packet.stream = copy
                    packet.time_base = stream.time_base
                    packet.pts = (pts or 0) + turn * stream.duration
                    packet.dts = (dts or 0) + turn * stream.duration
                    out.mux(packet)


def measure(catalog: Path, videos: Path, workers: int, *more: str) -> Peak:
    """Index in a process of its own and watch the memory of it and its workers."""
    command = [sys.executable, "-m", "vidsearch.commands.main", "index", str(catalog), str(videos)]
    process = subprocess.Popen(
        [*command, "--json", "--workers", str(workers), *more], stdout=subprocess.PIPE, text=True
    )
    client = worker = 0
    about = psutil.Process(process.pid)
    end = time.monotonic() + LONGEST_RUN_S
    while process.poll() is None:
        if time.monotonic() > end:
            process.kill()
            sys.exit(f"the run did not end within {LONGEST_RUN_S:.0f} s")
        time.sleep(0.1)
        try:
            client = max(client, about.memory_info().rss)
            for child in about.children(recursive=True):
                if "spawn_main" in " ".join(child.cmdline()):
                    worker = max(worker, child.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    assert process.stdout is not None
    assert process.returncode == 0, process.returncode
    return Peak(client / 2**20, worker / 2**20, json.loads(process.stdout.read()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", default="10,100,1000", help="sizes of the series")
    parser.add_argument("--hours", type=float, default=4.0, help="length of the long file; 0: none")
    parser.add_argument("--fps", type=float, default=0.5, help="samples a second of the long file")
    parser.add_argument("--slices", default="10,0", help="minutes of the long file's; 0: whole")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    print("archive             client  worker  indexed   tracks  seconds", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for count in filter(None, map(int, filter(None, args.videos.split(",")))):
            videos = folder / str(count)
            make_series(videos, count)
            show(f"{count} videos", measure(folder / f"c{count}", videos, args.workers))
        if args.hours:
            long = folder / "long.mp4"
            make_long(long, args.hours)
            fps = ("--sample-fps", str(args.fps))
            for minutes in args.slices.split(","):
                name = f"{args.hours:g} h, " + ("sliced" if minutes != "0" else "whole")
                more = (*fps, "--slice-minutes", minutes)
                show(name, measure(folder / f"long{minutes}", long, args.workers, *more))


def show(name: str, peak: Peak) -> None:
    report = peak.report
    print(
        f"{name:18} {peak.client_mib:5.0f} MiB {peak.worker_mib:4.0f} MiB "
        f"{report['videos']['indexed']:7} {report['tracks']:8} {report['elapsed_s']:8.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
