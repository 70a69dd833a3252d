"""Synthetic videos for tests, and a process that writes them to a catalog.

As a script, ``synthetic_catalog.py CATALOG FIRST LAST [MOMENT]`` writes the videos FIRST..LAST-1
that the catalog lacks, as an indexing run does. With MOMENT, it kills itself at that moment.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np

from vidsearch.catalog import (
    Catalog,
    CatalogWriter,
    IndexedVideo,
    KnownFile,
    VideoRecord,
    WriterConfig,
)
from vidsearch.datatypes import KeptFace, Template, TimeSpan, Track, Vector

DIM = 16
MODEL_ID = "toy-16"


def unit(rng: np.random.Generator, dim: int = DIM) -> Vector:
    """Return a random vector of unit length, (dim,) float32."""
    vector = rng.normal(size=dim)
    unit_vector: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit_vector


def make_track(
    number: int,
    shot: int,
    rng: np.random.Generator,
    faces: int = 2,
    *,
    dim: int = DIM,
    model_id: str = MODEL_ID,
) -> Track:
    """Return a track that starts at ``number`` seconds."""
    box = np.array([number, 1, number + 10, 21], np.float32)
    kept = tuple(
        KeptFace(
            time_s=number + 0.1 * position,
            box_xyxy=box,
            landmarks=rng.random((5, 2), np.float32),
            score=0.9,
            quality=0.5,
            embedding=rng.normal(size=dim).astype(np.float32),
            aligned_jpeg=rng.bytes(200),
            aligned_points=rng.random((5, 2), np.float32),
        )
        for position in range(faces)
    )
    template = Template(unit(rng, dim), weight=3.0, model_id=model_id)
    span = TimeSpan(float(number), number + 1.0)
    return Track(span, number + 0.5, shot, 3, 0.75, box, template, kept)


def make_video(
    number: int, tracks: int | None = None, *, dim: int = DIM, **changes: Any
) -> IndexedVideo:
    """Return the same video for the same number; every fifth fails unless ``status`` is given."""
    rng = np.random.default_rng(number)
    fields: dict[str, Any] = {
        "video_id": f"video-{number:04d}",
        "uri": f"/archive/{number:04d} é film.mp4",
        "size": 1000 + number,
        "mtime_ns": 1_700_000_000_000_000_000 + number,
        "status": "indexed",
        "model_id": MODEL_ID,
        "duration_s": 10.0,
        "read_s": 10.0,
        "fps": 25.0,
        "width": 640,
        "height": 360,
        "codec": "h264",
        "frames_decoded": 250,
        "frames_sampled": 20,
        "faces_seen": 7,
    }
    if number % 5 == 4 and "status" not in changes:
        fields |= {
            "status": "failed",
            "failure": "no frame could be decoded",
            "failure_stage": "decode",
            "failure_error": "VideoDecodeError",
        }
    fields |= changes
    count = tracks if tracks is not None else int(rng.integers(0, 4))
    if fields["status"] == "failed":
        count = 0
    model_id = fields["model_id"]
    made_tracks = tuple(
        make_track(index, index // 2, rng, dim=dim, model_id=model_id) for index in range(count)
    )
    return IndexedVideo(VideoRecord(**fields), made_tracks)


def write_missing(catalog: Catalog, first: int, last: int) -> None:
    """Write the videos ``first`` to ``last - 1`` that the catalog lacks."""
    statuses = catalog.video_statuses()
    files = catalog.known_files()
    with CatalogWriter(catalog, config=WriterConfig(flush_videos=3)) as writer:
        for number in range(first, last):
            video = make_video(number)
            record = video.video
            if record.video_id not in statuses:
                writer.add(video)
            elif record.uri not in files:
                file = KnownFile(record.uri, record.size, record.mtime_ns, record.video_id)
                writer.add_file(file)


def die_at(moment: str) -> None:
    """Make this process kill itself before or after a write: ``before:tracks:2``.

    Args:
        moment: ``before`` or ``after``, the table, and the number of earlier writes to it.
    """
    from vidsearch.catalog.tables import Table

    when, name, batch = moment.split(":")
    left = int(batch)

    def dying(write: Any) -> Any:
        def call(table: Table, *args: Any) -> None:
            nonlocal left
            last = table.name == name and left == 0
            if table.name == name:
                left -= 1
            if last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            write(table, *args)
            if last and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)

        return call

    Table.append = dying(Table.append)  # type: ignore[method-assign]
    Table.merge = dying(Table.merge)  # type: ignore[method-assign]


def main() -> None:
    uri, first, last, *moment = sys.argv[1:]
    catalog = Catalog.open(uri)
    catalog.snapshot()  # loads the table store before "ready"
    if moment:
        die_at(moment[0])
    print("ready", flush=True)
    write_missing(catalog, int(first), int(last))


if __name__ == "__main__":
    main()
