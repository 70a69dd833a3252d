"""Names from other systems and hostile names: folders and films of every kind of them."""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path
from typing import Final

from pipelines.demo.camera_moves import CameraMove, DemoVideo
from pipelines.demo.people import load_pictures
from pipelines.demo.render import render_photos, render_video
from pipelines.stages import index_video
from pipelines.stages.options import IndexConfig
from vidsearch.catalog import Catalog, CatalogWriter, IndexedVideo
from vidsearch.models.registry import LoadedPack
from vidsearch.search.track_index import rebuild
from vidsearch.video.discover import discover
from vidsearch.video.identity import content_id

LONGEST: Final = 255

FOLDERS: Final[tuple[bytes, ...]] = (
    b"latin\xe9",
    "de\u0301cor d\u00e9j\u00e0".encode(),  # decomposed and composed
    b"plain",
)
"""Names of folders; the films are spread over them."""

FILMS: Final[tuple[bytes, ...]] = (
    b"caf\xe9.mp4",
    b"\xff\xfe.MP4",
    b"new\nline.mp4",
    b"cr\r\nlf.mp4",
    b"tab\tname.Mp4",
    b"\x1b[31mred\x07.mp4",
    "gpj.\u202emp4.mp4".encode(),
    "zero\u200bwidth\ufeff.mp4".encode(),
    "line\u2028separator.mp4".encode(),
    b"-v.mp4",
    b"--json.mp4",
    b" space .mp4",
    b"'single' \"double\".mp4",
    b"100%25 #1?.mp4",
    b"%E9.mp4",
    b"[a]{b}*.mp4",
    b"C:|a*.mp4",
    "\U0001f600.mp4".encode(),
    b"=1+1.mp4",
    b"+1.mp4",
    b"@SUM(A1).mp4",
    b"<script>alert(1)<",
    b"<img src=x onerror=alert(1)>.mp4",
    b"&amp;&lt;.mp4",
    b"]]> --> -- .mp4",
    b"back\\slash\\n\\xe9.mp4",
    b"`code` *b* _i_ [l](x) | $x$ :smile:.mp4",
    b"www.evil.example @me.mp4",
    "Zoe\u0308.mp4".encode(),
    "Jos\u00e9.mp4".encode(),
    "\u6771\u4eac \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.mp4".encode(),
    b"L" * (LONGEST - 4) + b".mp4",
)

PEOPLE: Final[tuple[str, ...]] = (
    "Zoe\u0308 <b>|`x`",
    "=cmd|' /C calc'!A0",
    "$x$ :smile: www.evil.example",
    "a --> b ]]>",
)

_MOVE = CameraMove("astronaut", 0.6, (230, 150, 440), (225, 140, 330))


def render(folder: Path) -> tuple[Path, Path]:
    """Write a short film of the astronaut and a photo of her; return their paths."""
    pictures = load_pictures()
    film = folder / "film.mp4"
    folder.mkdir(parents=True, exist_ok=True)
    render_video(film, DemoVideo("film.mp4", "libx264", (_MOVE,)), pictures)
    return film, render_photos(folder / "photos", pictures)["astronaut"]


def distinct(content: bytes, number: int) -> bytes:
    """Return the content of an MP4 file with a box that players ignore: its hash differs."""
    return content + struct.pack(">I4sQ", 16, b"free", number)


def plant(folder: Path, content: bytes, films: tuple[bytes, ...] = FILMS) -> list[Path]:
    """Write a film under every name, spread over ``FOLDERS``."""
    paths = []
    for number, name in enumerate(films):
        parent = os.fsencode(folder) + b"/" + FOLDERS[number % len(FOLDERS)]
        path = Path(os.fsdecode(parent + b"/" + name.replace(b"/", b"_")))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(distinct(content, number))
        paths.append(path)
    return paths


def catalog_of(root: Path, films: list[Path], models: LoadedPack) -> Catalog:
    """Return a catalog of films with one picture: one is decoded, the others have its tracks."""
    catalog = Catalog.create(root, pack="open", model_id=models.model_id, dim=models.embedder.dim)
    sources = discover(list(map(str, films))).videos
    first = index_video.run(sources[0], models, IndexConfig(), frozenset())
    assert isinstance(first, IndexedVideo)
    with CatalogWriter(catalog) as writer:
        for source in sources:
            record = dataclasses.replace(
                first.video,
                uri=source.uri,
                video_id=content_id(source.uri),
                size=source.size,
                mtime_ns=source.mtime_ns,
            )
            writer.add(IndexedVideo(record, first.tracks))
        writer.add(_failed(first, films[0].with_name("broken\udcff\n.mp4")))
    rebuild(catalog)
    return catalog


def _failed(like: IndexedVideo, path: Path) -> IndexedVideo:
    record = dataclasses.replace(
        like.video,
        uri=str(path),
        video_id="f" * 40,
        status="failed",
        failure="cannot be read",
        failure_stage="decode",
        failure_error="VideoOpenError",
    )
    return IndexedVideo(record)
