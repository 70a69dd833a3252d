"""Time of a commit, of opening and of a search, and bytes of a track on disk.

    python -m benchmarks.index.catalog_scale [TRACKS ...]    (default 1000 10000 100000)

The videos are random: 10 tracks each, 128-D templates, three stored faces of 6 KB a track.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vidsearch.catalog import Catalog, CatalogWriter, IndexedVideo, VideoRecord, WriterConfig
from vidsearch.catalog.maintenance import maintain
from vidsearch.datatypes import KeptFace, Matrix, Template, TimeSpan, Track, Vector
from vidsearch.search.track_index import TrackSearcher, rebuild

DIM = 128
TRACKS_A_VIDEO = 10
FACES = 3
JPEG_BYTES = 6000
VIDEOS_A_BATCH = 32


def make_track(number: int, vector: Vector, rng: np.random.Generator) -> Track:
    box = np.array([10, 10, 110, 110], np.float32)
    landmarks = np.ones((5, 2), np.float32)
    kept = tuple(
        KeptFace(
            number + i / 3, box, landmarks, 0.9, 0.8, vector * 1.3, rng.bytes(JPEG_BYTES), landmarks
        )
        for i in range(FACES)
    )
    span = TimeSpan(float(number), number + 1.0)
    return Track(span, number + 0.5, number, 9, 0.8, box, Template(vector, 9.0, "bench"), kept)


def make_video(number: int, vectors: Matrix, rng: np.random.Generator) -> IndexedVideo:
    record = VideoRecord(
        video_id=f"{number:032x}",
        uri=f"/archive/{number}.mp4",
        size=number,
        mtime_ns=number,
        status="indexed",
        model_id="bench",
        duration_s=60.0,
        read_s=60.0,
        frames_decoded=1500,
        frames_sampled=120,
        faces_seen=90,
    )
    return IndexedVideo(record, tuple(make_track(i, v, rng) for i, v in enumerate(vectors)))


def size_of(folder: Path, name: str) -> int:
    return sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())


def measure(total: int, folder: Path) -> None:
    rng = np.random.default_rng(0)
    catalog = Catalog.create(folder, pack="bench", model_id="bench", dim=DIM)
    commits = []
    writer = CatalogWriter(
        catalog, config=WriterConfig(flush_videos=10_000, flush_seconds=1e9, flush_mib=1 << 20)
    )
    for number in range(total // TRACKS_A_VIDEO):
        vectors = rng.normal(size=(TRACKS_A_VIDEO, DIM))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        writer.add(make_video(number, vectors.astype(np.float32), rng))
        if writer.pending == VIDEOS_A_BATCH:
            commits.append(timed(writer.flush))
    writer.flush()
    written_mib = peak_mib()
    maintain_s = timed(lambda: maintain(catalog))
    maintained_mib = peak_mib()
    exact_s, _ = searched(catalog)
    rebuild_s = timed(lambda: rebuild(catalog))
    open_s, search_s = searched(catalog)
    fresh_s = timed(lambda: in_new_process(folder))
    status_s = timed(catalog.status)
    some = catalog.tracks(columns=["track_id"])["track_id"].to_pylist()[:: total // 20]
    faces_s = timed(lambda: catalog.faces(track_ids=some))
    rows_s = timed(lambda: catalog.tracks(track_ids=some))
    sizes = {name: size_of(folder, name) // total for name in (*catalog.table_names, "index")}
    print(
        f"{total} tracks: commit of {VIDEOS_A_BATCH} videos median {median(commits):.3f} s, "
        f"slowest {max(commits, default=0):.3f} s; maintain {maintain_s:.2f} s\n"
        f"  open searcher {open_s:.3f} s (without index {exact_s:.3f} s), search {search_s:.4f} s; "
        f"new process, open and search {fresh_s:.2f} s; rebuild {rebuild_s:.2f} s\n"
        f"  status {status_s:.3f} s; rows of 20 tracks {rows_s:.3f} s, their faces {faces_s:.3f} s"
        f"\n  bytes a track: {sizes}\n"
        f"  peak memory: written {written_mib}, maintained {maintained_mib}, "
        f"searched {peak_mib()} MiB"
    )


def peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def timed(action: object) -> float:
    assert callable(action)
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def searched(catalog: Catalog) -> tuple[float, float]:
    begun = time.perf_counter()
    searcher = TrackSearcher(catalog)
    opened = time.perf_counter()
    searcher.search(np.full((1, DIM), DIM**-0.5, np.float32), 100)
    return opened - begun, time.perf_counter() - opened


def in_new_process(folder: Path) -> None:
    code = (
        "import sys, numpy as np; from vidsearch import Catalog; "
        "from vidsearch.search.track_index import TrackSearcher; "
        "s = TrackSearcher(Catalog.open(sys.argv[1])); "
        f"s.search(np.full((1, {DIM}), {DIM} ** -0.5, np.float32), 100)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def main() -> None:
    for total in [int(word) for word in sys.argv[1:]] or [1_000, 10_000, 100_000]:
        with tempfile.TemporaryDirectory() as scratch:
            measure(total, Path(scratch) / "catalog")


if __name__ == "__main__":
    main()
