"""What Dask costs, what a second worker brings: the same clips by the plain loop, 1 and 2 workers.

Run: ``python -m benchmarks.pipeline_scale [--clips 40] [--rounds 1]``

The clips are copies of the real ones, each made a content of its own by a byte after its end. The
ways are interleaved, the catalog is new each time. ``working`` leaves out what comes once a run:
starting processes and loading models (from the event log, ``cluster`` to ``end``). OpenCV has one
thread everywhere, so that the loop keeps to one core as a worker does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from datetime import datetime
from pathlib import Path

import cv2

from benchmarks.media import media_folder
from pipelines import index
from pipelines.payloads import IndexOptions

WAYS = (0, 1, 2)


def make_clips(folder: Path, count: int) -> None:
    """Copy the real clips in turn, the copies differing in their last bytes."""
    real = sorted(p for p in (media_folder() / "videos").iterdir() if p.suffix == ".mp4")
    for number in range(count):
        source = real[number % len(real)]
        content = source.read_bytes() + number.to_bytes(4, "big")
        (folder / f"{number:04d} {source.name}").write_bytes(content)


def measure(clips: Path, catalog: Path, workers: int) -> dict[str, float]:
    """Index into a new catalog; return seconds and times real speed."""
    report = index(catalog, [clips], IndexOptions(workers=max(workers, 1), isolate=workers > 0))
    assert not report.failures, report.failures
    (log,) = (catalog / "runs").glob("*.jsonl")
    moments = {}
    for line in log.read_text().splitlines():
        event = json.loads(line)
        moments[event["event"]] = datetime.fromisoformat(event["time"]).timestamp()
    begun = moments.get("cluster", moments["start"])
    return {
        "elapsed_s": report.elapsed_s,
        "working_s": moments["end"] - begun,
        "speed": report.duration_s / report.elapsed_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    found: dict[int, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        clips = Path(scratch) / "clips"
        clips.mkdir()
        make_clips(clips, args.clips)
        for turn in range(args.rounds):
            for way in WAYS:
                found[way].append(measure(clips, Path(scratch) / f"catalog-{turn}-{way}", way))
    middle = {
        way: {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        for way, runs in found.items()
    }
    print("workers  elapsed  working  times as fast as they play")
    for way, figures in middle.items():
        name = "loop" if way == 0 else str(way)
        print(
            f"{name:7}  {figures['elapsed_s']:6.1f}s  {figures['working_s']:6.1f}s  "
            f"{figures['speed']:.1f}"
        )
    for name in ("elapsed_s", "working_s"):
        overhead = middle[1][name] / middle[0][name] - 1
        print(f"{name}: Dask costs {overhead:+.1%}; 2 workers / 1: "
              f"{middle[2][name] / middle[1][name]:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
