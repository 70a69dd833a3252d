"""Small archives to be changed and killed: five videos, three people, readable pictures."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.helpers.small_packs import write_tiny_pack
from tests.helpers.synthetic_catalog import make_video
from vidsearch.catalog import Catalog, CatalogWriter, IndexedVideo
from vidsearch.catalog.people import add_person, judge, rename_person
from vidsearch.faces.jpeg import encode_jpeg
from vidsearch.models.registry import describe_pack
from vidsearch.search.track_index import rebuild

FORMER, NAME, SECOND, THIRD = "Formername Q", "Secretname Ötz", "Bob", "Cleo"
VIDEO = "video-0001"
_DIM, _VIDEOS, _SIDE = 16, 5, 96


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids of an archive.

    Attributes:
        person: Person named ``NAME``.
        second: Person named ``SECOND``.
        tracks: Tracks of ``NAME``.
        video_tracks: Tracks of ``VIDEO``.
        other: A track of nobody, in another video.
    """

    person: str
    second: str
    tracks: tuple[str, ...]
    video_tracks: tuple[str, ...]
    other: str


def make_packs(folder: Path) -> tuple[Path, Path]:
    """Write two packs; return their folders."""
    return (
        write_tiny_pack(folder / "first", dim=_DIM),
        write_tiny_pack(folder / "second", dim=24, seed=1),
    )


def make_archive(folder: Path, pack: Path) -> Ids:
    """Write an archive and return its ids."""
    model_id = describe_pack(str(pack)).model_id
    catalog = Catalog.create(folder, pack=str(pack), model_id=model_id, dim=_DIM)
    with CatalogWriter(catalog) as writer:
        for number in range(_VIDEOS):
            writer.add(_video(number, model_id))
    rows = catalog.tracks(["track_id", "video_id"]).sort_by("track_id").to_pylist()
    by_video: dict[str, list[str]] = {}
    for row in rows:
        by_video.setdefault(row["video_id"], []).append(row["track_id"])
    person, second = add_person(catalog, FORMER), add_person(catalog, SECOND)
    rename_person(catalog, person, NAME)
    tracks = (by_video["video-0000"][0], by_video[VIDEO][0], by_video["video-0002"][0])
    judge(catalog, tracks, person, same=True)
    judge(catalog, [by_video[VIDEO][1], by_video["video-0003"][0]], second, same=True)
    judge(catalog, [by_video["video-0002"][1]], person, same=False)
    rebuild(catalog)
    runs = folder / "runs"
    runs.mkdir()
    lines = [
        {"event": "video", "video_id": f"video-{n:04d}", "video": make_video(n).video.uri}
        for n in range(_VIDEOS)
    ]
    (runs / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    other = by_video["video-0004"][0]
    return Ids(person, second, tracks, tuple(by_video[VIDEO]), other)


def _video(number: int, model_id: str) -> IndexedVideo:
    video = make_video(number, tracks=3, status="indexed", model_id=model_id)
    rng = np.random.default_rng(1000 + number)
    tracks = []
    for track in video.tracks:
        faces = tuple(
            dataclasses.replace(face, aligned_jpeg=_picture(rng), aligned_points=_points(rng))
            for face in track.faces
        )
        tracks.append(dataclasses.replace(track, faces=faces))
    return dataclasses.replace(video, tracks=tuple(tracks))


def _picture(rng: np.random.Generator) -> bytes:
    small = rng.integers(0, 255, (12, 12, 3), np.uint8)
    return encode_jpeg(np.kron(small, np.ones((8, 8, 1), np.uint8)), 60)


def _points(rng: np.random.Generator) -> np.typing.NDArray[np.float32]:
    template = np.array([[30, 40], [65, 40], [48, 58], [34, 75], [62, 75]], np.float32)
    return (template + rng.normal(0, 1, (5, 2))).astype(np.float32)
