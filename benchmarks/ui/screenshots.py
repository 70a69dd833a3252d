"""Screenshots of the app from the demo's archive: docs/assets/app-*.png.

    .venv/bin/vidsearch demo
    .venv/bin/python -m benchmarks.ui.screenshots

Drives Chromium (Debian's package ``chromium``, or --chromium PATH) through the app, over a copy of
the demo's catalog with named people. The faces are those of installed packages.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from pipelines.demo.people import PEOPLE
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge
from vidsearch.search.search import PhotoSearcher, SearchOptions

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--force-color-profile=srgb",
)
DOCS = Path(__file__).resolve().parents[2] / "docs" / "assets"
_TIMEOUT_MS = 90_000


@dataclass(frozen=True, slots=True)
class Look:
    """Screen of a visitor."""

    width: int = 1280
    height: int = 900
    dark: bool = False
    scale: float = 1.0


def prepare(demo: Path, place: Path) -> Path:
    """Copy the demo's catalog and name the people in it; return the copy."""
    catalog_dir = Path(shutil.copytree(demo / "catalog", place / "catalog"))
    catalog = Catalog.open(catalog_dir)
    searcher = PhotoSearcher(catalog)
    options = SearchOptions(min_confidence=0.5)
    for person in PEOPLE:
        photo = demo / "photos" / f"{person.slug}.jpg"
        tracks = [hit.track_id for hit in searcher.search([photo], options).hits]
        if tracks:
            judge(catalog, tracks, add_person(catalog, person.name), same=True)
    return catalog_dir


@contextmanager
def served(catalog_dir: Path, port: int, *options: str) -> Iterator[str]:
    """Run the app over a catalog; yield its address."""
    command = [
        sys.executable,
        "-m",
        "vidsearch.commands.main",
        "ui",
        str(catalog_dir),
        "--port",
        str(port),
        "--no-browser",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            address = f"http://localhost:{port}"
            _wait(address)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise SystemExit(f"the app does not answer at {address}; is the port taken? pass --port")


@contextmanager
def opened(browser: Any, address: str, look: Look) -> Iterator[Any]:
    """Open a page on a screen."""
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme="dark" if look.dark else "light",
        device_scale_factor=look.scale,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(_TIMEOUT_MS)
    page.goto(address)
    settle(page)
    try:
        yield page
    finally:
        context.close()


def settle(page: Any) -> None:
    """Wait until the page is drawn completely."""
    page.wait_for_selector("h1")
    page.wait_for_function(
        "!document.querySelector('[data-testid=\"stStatusWidget\"]')"
        " && !document.querySelector('[data-testid=\"stSkeleton\"]')"
    )
    page.wait_for_timeout(700)


def search(page: Any, *photos: Path) -> None:
    """Give the page photos and wait for the answer."""
    page.set_input_files('[data-testid="stFileUploader"] input', [str(p) for p in photos])
    page.wait_for_selector("ol.cards")
    page.wait_for_selector('[data-testid="stDownloadButton"] >> nth=4')
    settle(page)


def keep(page: Any, path: Path, *, whole: bool = False) -> None:
    """Save the page with few colours: a small file that looks the same."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    print(f"{path}  {picture.width} x {picture.height}, {path.stat().st_size // 1000} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("demo", type=Path, nargs="?", default=Path("demo"), help="folder (demo)")
    parser.add_argument(
        "--out", type=Path, default=DOCS, help="folder of the screenshots (docs/assets)"
    )
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser")
    parser.add_argument("--port", type=int, default=8617)
    args = parser.parse_args()
    if not (args.demo / "catalog").is_dir():
        raise SystemExit(f"{args.demo} holds no demo; make one: vidsearch demo {args.demo}")
    if args.chromium is None:
        raise SystemExit("no Chromium found; install Debian's package, or pass --chromium PATH")
    from playwright.sync_api import sync_playwright

    demo = args.demo.resolve()
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        catalog_dir = prepare(demo, Path(folder))
        with served(catalog_dir, args.port) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=args.chromium, args=FLAGS)
            take(browser, address, demo, args.out)
            browser.close()


def take(browser: Any, address: str, demo: Path, out: Path) -> None:
    """Make the screenshots of README and documentation."""
    with opened(browser, address, Look(height=1000)) as page:
        search(page, demo / "photos" / "astronaut.jpg")
        # The hits look like a named person: the app asks whom verdicts go to.
        page.get_by_role("button", name="Judge for this person").first.click()
        page.get_by_role("button", name="Somebody else").wait_for()
        settle(page)
        keep(page, out / "app-search.png")
        page.locator(".bar").first.click()
        face = page.get_by_role("dialog").locator("section:visible img")
        page.wait_for_function("face => face.naturalWidth", arg=face.element_handle())
        page.get_by_role("dialog").locator("video").wait_for()
        film = page.get_by_role("dialog").locator("video")
        film.evaluate("film => { film.pause(); film.currentTime = 2; }")
        page.wait_for_function(
            "film => film.paused && !film.seeking && film.readyState >= 2 && film.currentTime == 2",
            arg=film.element_handle(),
        )
        page.wait_for_timeout(1500)
        keep(page, out / "app-player.png")
    with opened(browser, f"{address}/people", Look(height=820, dark=True)) as page:
        page.wait_for_selector("ol.faces")
        page.wait_for_selector("figure.table")
        settle(page)
        keep(page, out / "app-people.png")


if __name__ == "__main__":
    main()
