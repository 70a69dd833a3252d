"""Speed of the app in a real Chromium: the first page, and from a photo to its hits.

    python -m benchmarks.ui.ui_speed [--tracks 100000] [--rounds 5] [--catalog FOLDER]

The archive is random: ten tracks a video, two faces a track, templates with the spectrum of real ones
(``--spectrum``: see ``benchmarks.index.index_scale``). Thirty tracks resemble the person of the photo.
Times are those of a visitor: from opening the address to a usable page, and from choosing a file to
visible hits, detection and embedding included. ``cold`` is the first visitor of a new server.
``--catalog`` keeps the archive.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from playwright.sync_api import Browser, FilePayload, Page

from benchmarks.made_archive import scales, turned
from pipelines.demo.people import load_pictures
from tests.helpers.app_server import free_port, serving
from tests.helpers.chromium import find_chromium, running
from tests.helpers.screen import Screen
from ui.service.settings import UiSettings
from vidsearch.catalog import Catalog, CatalogWriter, IndexedVideo, VideoRecord, WriterConfig
from vidsearch.catalog.maintenance import maintain
from vidsearch.datatypes import KeptFace, Matrix, Template, TimeSpan, Track, Vector
from vidsearch.device import resolve_device
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.search.query import photo_faces
from vidsearch.search.track_index import rebuild

TRACKS_A_VIDEO, TRACKS_AN_IDENTITY, FACES, LIKE_THE_PHOTO = 10, 20, 2, 30
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def jpeg(image: np.ndarray, quality: int) -> bytes:
    target = io.BytesIO()
    Pillow.fromarray(image).save(target, "JPEG", quality=quality)
    return target.getvalue()


def make_catalog(folder: Path, tracks: int, spectrum: Path | None) -> None:
    models = load_pack("open", resolve_device("cpu"))
    face = photo_faces(jpeg(load_pictures()["astronaut"], 90), models).faces[0]
    rng = np.random.default_rng(0)
    scale = scales(len(face.embedding), spectrum)
    centres = rng.standard_normal((-(-tracks // TRACKS_AN_IDENTITY), len(scale)), np.float32)
    centres = centres * scale
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = turned(np.repeat(centres, TRACKS_AN_IDENTITY, axis=0), (20, 50), scale, 1)[:tracks]
    person = (face.embedding / np.linalg.norm(face.embedding)).astype(np.float32)
    alike = turned(np.tile(person, (LIKE_THE_PHOTO, 1)), (10, 30), scale, 2)
    vectors[rng.choice(tracks, LIKE_THE_PHOTO, replace=False)] = alike
    picture = jpeg(face.aligned, 90)
    catalog = Catalog.create(folder, pack="open", model_id=models.model_id, dim=len(scale))
    few_commits = WriterConfig(flush_videos=500, flush_seconds=1e9, flush_mib=1 << 12)
    with CatalogWriter(catalog, config=few_commits) as writer:
        for number, start in enumerate(range(0, tracks, TRACKS_A_VIDEO)):
            writer.add(make_video(number, vectors[start : start + TRACKS_A_VIDEO], models, picture))
    maintain(catalog)
    rebuild(catalog)


def make_video(number: int, vectors: Matrix, models: LoadedPack, picture: bytes) -> IndexedVideo:
    def track(at: int, vector: Vector) -> Track:
        box, ones = np.array([10, 10, 110, 110], np.float32), np.ones((5, 2), np.float32)
        # No two pictures are alike, as in an archive: what follows a JPEG's end is not looked at.
        own = np.random.default_rng((number, at)).bytes(1000)
        kept = tuple(
            KeptFace(at + i / 3, box, ones, 0.9, 0.8, vector, picture + own, ones)
            for i in range(FACES)
        )
        template = Template(vector, 9.0, models.model_id)
        return Track(TimeSpan(float(at), at + 1.0), at + 0.5, at, 9, 0.8, box, template, kept)

    record = VideoRecord(
        video_id=f"{number:040x}",
        uri=f"/archive/{number // 100:04d}/{number}.mp4",
        size=number,
        mtime_ns=number,
        status="indexed",
        model_id=models.model_id,
        duration_s=60.0,
        read_s=60.0,
        frames_decoded=1500,
        frames_sampled=120,
        faces_seen=90,
    )
    return IndexedVideo(record, tuple(track(i, vector) for i, vector in enumerate(vectors)))


@contextmanager
def visitor(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()


def timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def one_visit(browser: Browser, url: str, photos: list[bytes]) -> tuple[float, float, list[float]]:
    """Return seconds: to the first paint, to a usable page, and to the hits of each photo."""
    with visitor(browser) as page:
        screen = Screen(page)

        def open_page() -> None:
            page.goto(url, wait_until="commit")
            screen.ready()

        usable = timed(open_page)
        painted = float(page.evaluate(_PAINT) or float("nan")) / 1000
        answers = []
        for photo in photos:
            file = FilePayload(name="photo.jpg", mimeType="image/jpeg", buffer=photo)

            def ask(file: FilePayload = file) -> None:
                page.locator('input[type="file"]').first.set_input_files(file)
                screen.hits().first.wait_for()

            answers.append(timed(ask))
            screen.clear()
            screen.ready()
        return painted, usable, answers


def spread_of(name: str, seconds: list[float]) -> str:
    median, worst = float(np.median(seconds)), max(seconds)
    return f"{name}: median {median:.2f} s, slowest {worst:.2f} s ({len(seconds)})"


def measure(catalog: Path, rounds: int, scratch: Path) -> None:
    executable = find_chromium()
    if executable is None:
        raise SystemExit("no Chromium on PATH; .ci/browser installs one on Debian")
    picture = load_pictures()["astronaut"]
    settings = UiSettings(catalog=str(catalog), port=free_port())
    with ExitStack() as stack:
        browser = stack.enter_context(running(executable))
        up = time.perf_counter()
        server = stack.enter_context(serving(settings, scratch / "log.txt"))
        print(f"server up after {time.perf_counter() - up:.2f} s", flush=True)
        painted, usable, (first,) = one_visit(browser, server.url, [jpeg(picture, 95)])
        print(f"cold: first paint {painted:.2f} s, usable {usable:.2f} s, hits {first:.2f} s")
        paints, usables, answers = [], [], []
        for number in range(rounds):
            photos = [jpeg(picture, 94 - 2 * number - i) for i in range(2)]
            painted, usable, found = one_visit(browser, server.url, photos)
            paints.append(painted)
            usables.append(usable)
            answers += found
        print(spread_of("warm, first paint", paints))
        print(spread_of("warm, page usable", usables))
        print(spread_of("warm, photo chosen to visible hits", answers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spectrum", type=Path, default=None, help="npz of real templates")
    parser.add_argument("--catalog", type=Path, default=None, help="folder to keep the archive in")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        catalog = args.catalog if args.catalog is not None else Path(scratch) / "catalog"
        if not catalog.exists():
            spent = timed(lambda: make_catalog(catalog, args.tracks, args.spectrum))
            print(f"{args.tracks} tracks written in {spent:.0f} s", flush=True)
        measure(catalog, args.rounds, Path(scratch))


if __name__ == "__main__":
    main()
