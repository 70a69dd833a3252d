"""Cost of Dask, and gain of a second worker: the same clips by the plain loop, 1 and 2 workers.

    python -m benchmarks.pipeline.pipeline_scale [--clips 40] [--rounds 1]

The clips are copies of the real ones; a byte after the end gives each its own content. The modes are
interleaved, with a new catalog each time. ``working`` leaves out the cost of a start: processes and
models (from the event log, ``cluster`` to ``end``). OpenCV has one thread everywhere, so the loop
uses one core as a worker does. ``2 loops`` are two independent plain loops at once, each with half of
the clips: the gain of a second process on this machine. ``CPU`` is the CPU time of all our processes.
``others`` is the share of the machine used by other programs: above a few hundredths, compare ``CPU``
and not seconds.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import cv2
import psutil

from benchmarks.media import media_folder
from pipelines import ClusterConfig, index

LOOP, TWO_LOOPS = "loop", "2 loops"
WAYS = (LOOP, TWO_LOOPS, "1", "2")


def make_clips(folder: Path, count: int) -> None:
    """Copy the real clips in turn, the copies differing in their last bytes."""
    real = sorted(p for p in (media_folder() / "videos").iterdir() if p.suffix == ".mp4")
    for number in range(count):
        source = real[number % len(real)]
        content = source.read_bytes() + number.to_bytes(4, "big")
        (folder / f"{number:04d} {source.name}").write_bytes(content)


def measure(clips: Path, catalog: Path, way: str) -> dict[str, float]:
    """Index into a new catalog; return seconds, multiples of real time, and the machine's load."""
    cpu_s, all_s, began = our_cpu_s(), machine_cpu_s(), time.monotonic()
    if way == TWO_LOOPS:
        with get_context("spawn").Pool(2) as pool:
            halves = [(clips, catalog / str(part), part) for part in range(2)]
            runs = pool.starmap(loop_over_part, halves)
            pool.close()
            pool.join()
    else:
        workers = 0 if way == LOOP else int(way)
        runs = [run(catalog, [str(clips)], max(workers, 1), isolate=workers > 0)]
    elapsed_s = time.monotonic() - began
    cpu_s, all_s = our_cpu_s() - cpu_s, machine_cpu_s() - all_s
    return {
        "elapsed_s": elapsed_s,
        "working_s": max(r[1] for r in runs) - min(r[0] for r in runs),
        "speed": sum(r[2] for r in runs) / elapsed_s,
        "cpu_s": cpu_s,
        "others": (all_s - cpu_s) / (elapsed_s * psutil.cpu_count()),
    }


def loop_over_part(clips: Path, catalog: Path, part: int) -> tuple[float, float, float]:
    cv2.setNumThreads(1)
    return run(catalog, list(map(str, sorted(clips.iterdir())[part::2])), 1, isolate=False)


def run(
    catalog: Path, videos: list[str], workers: int, *, isolate: bool
) -> tuple[float, float, float]:
    """Return start and end of the work, and the seconds of video."""
    report = index(catalog, videos, cluster=ClusterConfig(workers=workers, isolate=isolate))
    assert not report.failures, report.failures
    (log,) = (catalog / "runs").glob("*.jsonl")
    moments = {}
    for line in log.read_text().splitlines():
        event = json.loads(line)
        moments[event["event"]] = datetime.fromisoformat(event["time"]).timestamp()
    return moments.get("cluster", moments["start"]), moments["end"], report.duration_s


def our_cpu_s() -> float:
    """Return the CPU time of this process and of its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def machine_cpu_s() -> float:
    """Return the CPU time of the whole machine."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        clips = Path(scratch) / "clips"
        clips.mkdir()
        make_clips(clips, args.clips)
        print("way      elapsed  working      CPU  others  times as fast as they play")
        for turn in range(args.rounds):
            for way in WAYS:
                found[way].append(measure(clips, Path(scratch) / f"catalog-{turn}-{way}", way))
                show(way, found[way][-1])
    middle = {
        way: {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        for way, runs in found.items()
    }
    print("medians")
    for way, figures in middle.items():
        show(way, figures)
    for name in ("elapsed_s", "working_s", "cpu_s"):
        print(
            f"{name}: Dask costs {middle['1'][name] / middle[LOOP][name] - 1:+.1%}; "
            f"2 workers / 1: {middle['2'][name] / middle['1'][name]:.3f}; "
            f"2 loops / 1: {middle[TWO_LOOPS][name] / middle[LOOP][name]:.3f}"
        )


def show(way: str, figures: dict[str, float]) -> None:
    print(
        f"{way:7}  {figures['elapsed_s']:6.1f}s  {figures['working_s']:6.1f}s  "
        f"{figures['cpu_s']:6.1f}s  {figures['others']:6.1%}  {figures['speed']:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
