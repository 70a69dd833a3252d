"""The command ``vidsearch search``."""

from __future__ import annotations

import functools
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidsearch.commands import options
from vidsearch.commands.app import Option, command
from vidsearch.commands.streams import write_utf8
from vidsearch.errors import ConfigError
from vidsearch.text.json_text import json_text
from vidsearch.text.printable import printable, quoted

if TYPE_CHECKING:
    from vidsearch.results.result import SearchResult

_filter = functools.partial(click.option, cls=Option, section="Search only within")
_format = functools.partial(click.option, cls=Option, section="Output (at most one of these)")


@command("search", "find a person from one photo or several", exclusive=("as_json", "csv", "html"))
@options.catalog
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, help="photo of the person")
@click.option(
    "--top", metavar="K", default=100, callback=options.in_range(least=1), help="at most K hits"
)
@click.option(
    "--min-confidence",
    metavar="P",
    type=float,
    callback=options.in_range(least=0, most=1),
    help="leave out hits below this probability (0 to 1; default: 0.1 in text and pages, 0 in "
    "data)",
)
@click.option(
    "--face",
    metavar="N",
    type=int,
    callback=options.in_range(least=1),
    help="face to use; 1 is the largest (default)",
)
@options.device
@_filter("--video", "videos", metavar="ID|PATH", multiple=True, help="this video (repeatable)")
@_filter(
    "--folder",
    "folders",
    metavar="FOLDER",
    multiple=True,
    help="videos in this folder, at any depth (repeatable)",
)
@_filter(
    "--since",
    metavar="TIME",
    help="videos whose file was changed at this time or later (ISO 8601; UTC if no zone is given)",
)
@_filter("--until", metavar="TIME", help="videos whose file was changed before this time")
@_format("--json", "as_json", is_flag=True, help="print one JSON object")
@_format("--csv", metavar="FILE", help="write the hits as CSV ('-': standard output)")
@_format("--html", metavar="FILE", help="write one self-contained page with the images of the hits")
def search(
    catalog: str,
    photos: tuple[str, ...],
    top: int,
    min_confidence: float | None,
    face: int | None,
    device: str,
    videos: tuple[str, ...],
    folders: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_json: bool,
    csv: str | None,
    html: str | None,
) -> int:
    """Find every appearance of the person in these photos.

    Several photos of one person are combined into one query.
    """
    from vidsearch.catalog import Catalog
    from vidsearch.search.filter import SearchFilter, parse_time
    from vidsearch.search.search import PhotoSearcher, SearchOptions

    if min_confidence is None:
        min_confidence = 0.0 if as_json or csv is not None else 0.1
    request = SearchOptions(
        top=top,
        min_confidence=min_confidence,
        face=face,
        thumbnails=html is not None,
        search_filter=SearchFilter(
            videos=videos,
            folders=folders,
            since=parse_time(since, "--since") if since is not None else None,
            until=parse_time(until, "--until") if until is not None else None,
        ),
    )
    searcher = PhotoSearcher(Catalog.open(catalog), device=device)
    result = searcher.search(photos, request)
    _print(result, as_json, csv, html)
    return 0 if result.complete_query else options.SOME_INPUTS_FAILED


def _print(result: SearchResult, as_json: bool, csv: str | None, html: str | None) -> None:
    from vidsearch.results.as_csv import to_csv
    from vidsearch.results.as_html import to_html
    from vidsearch.results.as_json import to_json
    from vidsearch.results.as_text import to_text
    from vidsearch.results.sentences import warning_sentence

    if as_json or csv is not None or html is not None:
        for photo in result.query:
            for warning in photo.warnings:
                text = printable(warning_sentence(warning))
                print(f"vidsearch: {printable(photo.photo)}: {text}", file=sys.stderr)
    if as_json:
        print(json_text(to_json(result)))
    elif csv is not None:
        _write(csv, to_csv(result))
    elif html is not None:
        if _write(html, to_html(result)):
            print(f"wrote {printable(html)}")
    else:
        sys.stdout.write(to_text(result, width=shutil.get_terminal_size((100, 24)).columns))


def _write(target: str, text: str) -> bool:
    """Write ``text``; return True if this created or replaced a file, False for a stream.

    A file is replaced atomically. A link stays, and the file that it points to is replaced.
    """
    from vidsearch.storage.files import write_atomically

    if target == "-":
        write_utf8(text)
        return False
    if not target:
        raise ConfigError("'' names no file to write; name one, or '-' for standard output")
    try:
        if _is_folder(target):
            raise ConfigError(f"{quoted(target)} is a folder; name a file in it")
        if _is_stream(target):
            # Append: a shell's ">>" may have written to the file before.
            with Path(target).open("a", encoding="utf-8", newline="") as stream:
                stream.write(text)
            return False
        path = Path(os.path.realpath(target))
        path.parent.stat()  # A missing folder is an error; it is not created.
        write_atomically(path, text.encode("utf-8"))  # CSV carries its own line ends.
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(
            f"{quoted(target)} cannot be written ({error.strerror}); name a file in a folder "
            "that exists and that you may write to"
        ) from error
    return True


def _is_folder(target: str) -> bool:
    return target.endswith("/") or Path(target).is_dir()


def _is_stream(target: str) -> bool:
    """Return True for a pipe, a device or the name of an open file; these are not replaced."""
    try:
        if not stat.S_ISREG(os.stat(target).st_mode):  # noqa: PTH116 (as the next calls)
            return True
    except FileNotFoundError:
        return False
    path = target
    while True:
        folder = os.path.realpath(os.path.dirname(path) or ".")  # noqa: PTH120
        if folder == "/dev/fd" or (folder.startswith("/proc/") and folder.endswith("/fd")):
            return True
        if not os.path.islink(path):  # noqa: PTH114
            return False
        path = os.path.join(folder, os.readlink(path))  # noqa: PTH115, PTH118
