"""The demo's course: film, index, search, check, and say what to run next."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path

from pipelines.cluster.client import default_workers
from pipelines.cluster.config import ClusterConfig
from pipelines.demo.checking import complaints
from pipelines.demo.filming import film_archive, take_photos
from pipelines.demo.people import PEOPLE, Person, load_pictures
from pipelines.demo.screenplay import ABSENT, DAMAGED, appearances
from pipelines.indexing.run import IndexReport, index
from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError
from vidsearch.results.as_html import to_html
from vidsearch.results.result import SearchResult
from vidsearch.results.words import clock, confidence_number
from vidsearch.search.search import PhotoSearcher, SearchOptions
from vidsearch.text.printable import printable

MARKER = "made-by-vidsearch-demo"
WRONG_ANSWER = 1
_FOUND_FROM = 0.5


def run(folder: str) -> int:
    """Run the demo in ``folder`` and return 0 if every answer was right.

    Raises:
        ConfigError: The folder holds something that a demo did not make.
        VidsearchError: Any step failed.
    """
    started = time.monotonic()
    place = _fresh(Path(folder).resolve())
    archive, catalog_dir = place / "archive", place / "catalog"
    _say("1. Filming a small archive: real faces, camera moves, cuts, one damaged file ...")
    pictures = load_pictures()
    film_archive(archive, pictures)
    photos = take_photos(place / "photos", pictures)
    _say(f"2. Indexing it with {default_workers()} worker(s) ...")
    report = index(
        catalog_dir,
        [archive],
        cluster=ClusterConfig(workers=default_workers()),
        show_progress=True,
    )
    _report(report)
    wrong = _check_report(report)
    _say("3. Searching it with photos that are not frames of it ...\n")
    searcher = PhotoSearcher(Catalog.open(catalog_dir))
    for person in PEOPLE:
        options = SearchOptions(min_confidence=0.1, thumbnails=True)
        result = searcher.search([photos[person.slug]], options)
        found = _complain(person, result, archive)
        _show(person, result, archive, right=not found)
        wrong += found
        if person.slug == PEOPLE[0].slug:
            (place / "result.html").write_text(to_html(result), encoding="utf-8")
    _say("")
    if wrong:
        for line in wrong:
            sys.stderr.write(f"vidsearch: wrong answer: {line}\n")
        return WRONG_ANSWER
    _say(f"Every answer is right, checked against the films ({time.monotonic() - started:.0f} s).")
    _next_steps(place, photos[PEOPLE[0].slug])
    return 0


def _fresh(place: Path) -> Path:
    """Return an empty folder; one that an earlier demo made is emptied, any other is left alone."""
    marker = place / MARKER
    if place.exists() and not marker.is_file():
        raise ConfigError(
            f"{str(place)!r} exists and was not made by the demo; name a new folder: "
            "vidsearch demo FOLDER"
        )
    try:
        if place.exists():
            shutil.rmtree(place)
        place.mkdir(parents=True)
        marker.write_text("This folder is made anew by every 'vidsearch demo'.\n")
    except OSError as error:
        raise ConfigError(
            f"{str(place)!r} cannot be written ({error.strerror}); name another folder: "
            "vidsearch demo FOLDER"
        ) from error
    return place


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _report(report: IndexReport) -> None:
    _say(
        f"   {report.indexed} videos, {report.duration_s:.0f} s of film in "
        f"{report.elapsed_s:.0f} s: "
        f"{report.tracks} tracks of {report.faces} faces"
    )
    for failure in report.failures:
        _say(f"   could not read {Path(failure.source.uri).name}: {printable(failure.message)}")


def _check_report(report: IndexReport) -> list[str]:
    failed = [Path(f.source.uri).name for f in report.failures]
    return [] if failed == [DAMAGED] else [f"only {DAMAGED!r} should have failed; got {failed}"]


def _complain(person: Person, result: SearchResult, archive: Path) -> list[str]:
    likely = [hit for hit in result.hits if hit.confidence >= _FOUND_FROM]
    return complaints(person, appearances(), likely, str(archive))


def _show(person: Person, result: SearchResult, archive: Path, *, right: bool) -> None:
    """Print one person's answer, a line a hit."""
    likely = [hit for hit in result.hits if hit.confidence >= _FOUND_FROM]
    verdict = "right" if right else "WRONG"
    expected = " (is in no film)" if person.slug in ABSENT else ""
    _say(f"   {person.name}{expected}: {len(likely)} hit(s) - {verdict}")
    for hit in likely:
        film = Path(hit.video).relative_to(archive)
        _say(
            f"      {clock(hit.span.start_s)} - {clock(hit.span.end_s)}  "
            f"confidence {confidence_number(hit.confidence)}  {film}"
        )


def _next_steps(place: Path, photo: Path) -> None:
    command = Path(sys.argv[0]) if Path(sys.argv[0]).name == "vidsearch" else Path("vidsearch")
    shown = shlex.quote(str(command))
    _say(
        f"\nA page with pictures: {place / 'result.html'}\n"
        f"The archive:          {place / 'archive'}\n\n"
        f"In the browser (photos to drop are in {place / 'photos'}):\n"
        f"  {shown} ui {shlex.quote(str(place / 'catalog'))}\n\n"
        "Now your own videos:\n"
        f"  {shown} index my-catalog /path/to/videos\n"
        f"  {shown} search my-catalog photo.jpg --html result.html\n"
        f"Or the demo's:\n"
        f"  {shown} search {shlex.quote(str(place / 'catalog'))} {shlex.quote(str(photo))}"
    )
