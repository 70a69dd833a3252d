"""Cost of indexing an hour of video: CPU time, disk, tracks and memory, by frame size.

    python -m benchmarks.pipeline.pipeline_cost [--sizes clips,640x360,1920x1080] [--copies 3]

``clips`` are the real clips unchanged (29 s; people in almost every shot: more than in most
archives). A size is all of them joined in that size; bytes after the end give each copy its own
content. Every size is indexed in a process of its own by the plain loop: CPU time hardly depends on
other users of the machine. ``disk`` is the whole catalog folder. Bytes a row are those of the table's
columns in its files.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from benchmarks.media import join, media_folder
from pipelines import index


def measure(videos: Path, catalog: Path) -> dict[str, float]:
    """Index and return the costs of an hour of video."""
    import cv2

    cv2.setNumThreads(1)
    # What comes once a process: libraries and models.
    index(catalog.with_name("first"), [min(videos.iterdir(), key=lambda path: path.stat().st_size)])
    before, began = cpu_s(), time.monotonic()
    report = index(catalog, [videos])
    hours = report.duration_s / 3600
    assert not report.failures, report.failures
    disk = sum(path.stat().st_size for path in catalog.rglob("*") if path.is_file())
    faces, face_bytes = rows_and_bytes(catalog / "faces")
    tracks, track_bytes = rows_and_bytes(catalog / "tracks")
    return {
        "CPU s": (cpu_s() - before) / hours,
        "s": (time.monotonic() - began) / hours,
        "tracks": report.tracks / hours,
        "stored faces": faces / hours,
        "disk MB": disk / 1e6 / hours,
        "bytes a track row": track_bytes / max(tracks, 1),
        "bytes a face row": face_bytes / max(faces, 1),
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def rows_and_bytes(table: Path) -> tuple[int, int]:
    """Return the number of rows in the newest version of a table, and the bytes of its columns."""
    from deltalake import DeltaTable
    from pyarrow.parquet import ParquetFile

    rows = size = 0
    for name in DeltaTable(str(table)).file_uris():
        about = ParquetFile(name).metadata
        rows += about.num_rows
        for group in map(about.row_group, range(about.num_row_groups)):
            size += sum(group.column(c).total_compressed_size for c in range(group.num_columns))
    return rows, size


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def make(folder: Path, size: str, copies: int) -> None:
    """Put the videos of one size into a new folder."""
    folder.mkdir()
    clips = sorted((media_folder() / "videos").glob("*.mp4"))
    if size == "clips":
        for clip in clips:
            (folder / clip.name).write_bytes(clip.read_bytes())
        return
    width, height = map(int, size.split("x"))
    join(clips, folder / "0.mp4", size_wh=(width, height))
    content = (folder / "0.mp4").read_bytes()
    for number in range(1, copies):
        (folder / f"{number}.mp4").write_bytes(content + bytes([number]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="clips,640x360,1920x1080")
    parser.add_argument("--copies", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print("an hour of video costs", flush=True)
        for size in args.sizes.split(","):
            (Path(scratch) / size).mkdir()
            videos = Path(scratch) / size / "videos"
            make(videos, size, args.copies)
            with get_context("spawn").Pool(1) as pool:
                costs = pool.apply(measure, (videos, videos.with_name("catalog")))
            line = ", ".join(f"{name} {value:.0f}" for name, value in costs.items())
            print(f"{size}: {line}", flush=True)


if __name__ == "__main__":
    main()
