"""Steps of the demo: render videos, index, search, check, and print the next commands."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path

from pipelines.cluster.client import default_workers
from pipelines.cluster.config import ClusterConfig
from pipelines.demo.camera_moves import DAMAGED, appearances
from pipelines.demo.cast import Cast, installed_cast
from pipelines.demo.check import complaints
from pipelines.demo.people import Person, load_pictures
from pipelines.demo.render import render_archive, render_photos
from pipelines.indexing.outcomes import IndexReport
from pipelines.indexing.run import index
from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError
from vidsearch.results.as_html import to_html
from vidsearch.results.result import SearchResult
from vidsearch.results.words import clock, confidence_number
from vidsearch.search.search import PhotoSearcher, SearchOptions
from vidsearch.text.printable import printable, quoted

MARKER = "made-by-vidsearch-demo"
WRONG_ANSWER = 1
_FOUND_FROM = 0.5


def run(folder: str) -> int:
    """Run the demo in ``folder`` and return 0 if every hit is right.

    Raises:
        ConfigError: The folder was not made by a demo.
        VidsearchError: Any step failed.
    """
    started = time.monotonic()
    root = _empty_folder(Path(folder).resolve())
    archive, catalog_dir = root / "archive", root / "catalog"
    _say("1. Rendering a small archive: real faces, camera moves, cuts, one damaged file ...")
    cast = installed_cast()
    pictures = load_pictures(cast.pictures)
    render_archive(archive, pictures, cast.videos)
    photos = render_photos(root / "photos", pictures, cast.people)
    _say(f"2. Indexing it with {default_workers()} worker(s) ...")
    report = index(
        catalog_dir,
        [archive],
        cluster=ClusterConfig(workers=default_workers()),
        show_progress=True,
    )
    _report(report)
    errors = _check_report(report)
    _say("3. Searching it with photos that are not frames of its videos ...\n")
    searcher = PhotoSearcher(Catalog.open(catalog_dir))
    for person in cast.people:
        options = SearchOptions(min_confidence=0.1, thumbnails=True)
        result = searcher.search([photos[person.slug]], options)
        person_errors = _errors(cast, person, result, archive)
        _show(cast, person, result, archive, right=not person_errors)
        errors += person_errors
        if person is cast.people[0]:
            (root / "result.html").write_text(to_html(result), encoding="utf-8")
    _say("")
    if errors:
        for line in errors:
            sys.stderr.write(f"vidsearch: wrong answer: {line}\n")
        return WRONG_ANSWER
    elapsed_s = time.monotonic() - started
    _say(f"Every answer is right, checked against the camera moves ({elapsed_s:.0f} s).")
    _next_steps(root, photos[cast.people[0].slug])
    return 0


def _empty_folder(root: Path) -> Path:
    """Return an empty folder; the folder of an earlier demo is emptied, any other is refused."""
    marker = root / MARKER
    if root.exists() and not marker.is_file():
        raise ConfigError(
            f"{quoted(root)} exists and was not made by the demo; name a new folder: "
            "vidsearch demo FOLDER"
        )
    try:
        if root.exists():
            shutil.rmtree(root)
        root.mkdir(parents=True)
        marker.write_text("Every 'vidsearch demo' empties this folder.\n")
    except OSError as error:
        raise ConfigError(
            f"{quoted(root)} cannot be written ({error.strerror}); name another folder: "
            "vidsearch demo FOLDER"
        ) from error
    return root


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _report(report: IndexReport) -> None:
    _say(
        f"   {report.indexed} videos, {report.duration_s:.0f} s of video in "
        f"{report.elapsed_s:.0f} s: "
        f"{report.tracks} tracks of {report.faces} faces"
    )
    for failure in report.failures:
        _say(f"   could not read {Path(failure.source.uri).name}: {printable(failure.message)}")


def _check_report(report: IndexReport) -> list[str]:
    failed = [Path(f.source.uri).name for f in report.failures]
    return [] if failed == [DAMAGED] else [f"only {DAMAGED!r} should have failed; got {failed}"]


def _errors(cast: Cast, person: Person, result: SearchResult, archive: Path) -> list[str]:
    likely = [hit for hit in result.hits if hit.confidence >= _FOUND_FROM]
    return complaints(person, appearances(cast.videos, cast.people), likely, str(archive))


def _show(cast: Cast, person: Person, result: SearchResult, archive: Path, *, right: bool) -> None:
    """Print the hits of one person, one line each."""
    likely = [hit for hit in result.hits if hit.confidence >= _FOUND_FROM]
    verdict = "right" if right else "WRONG"
    expected = " (is in no video)" if person.slug in cast.absent else ""
    _say(f"   {person.name}{expected}: {len(likely)} hit(s) - {verdict}")
    for hit in likely:
        video = Path(hit.video).relative_to(archive)
        _say(
            f"      {clock(hit.span.start_s)} - {clock(hit.span.end_s)}  "
            f"confidence {confidence_number(hit.confidence)}  {video}"
        )


def _next_steps(root: Path, photo: Path) -> None:
    command = Path(sys.argv[0]) if Path(sys.argv[0]).name == "vidsearch" else Path("vidsearch")
    program = shlex.quote(str(command))
    _say(
        f"\nA page with images:   {root / 'result.html'}\n"
        f"The archive:          {root / 'archive'}\n\n"
        f"In the browser (photos to drop are in {root / 'photos'}):\n"
        f"  {program} ui {shlex.quote(str(root / 'catalog'))}\n\n"
        "Now your own videos:\n"
        f"  {program} index my-catalog /path/to/videos\n"
        f"  {program} search my-catalog photo.jpg --html result.html\n"
        f"Or the demo's:\n"
        f"  {program} search {shlex.quote(str(root / 'catalog'))} {shlex.quote(str(photo))}"
    )
