"""The command ``vidsearch search``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.results.result import SearchResult
    from vidsearch.search.filter import SearchFilter


def register(commands: Any) -> None:
    """Add the command to the parser of ``vidsearch``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "search",
        help="find a person from one photo or several",
        description="Find every appearance of the person in these photos. Several photos of one "
        "person make one better query.",
    )
    parser.add_argument("catalog", metavar="CATALOG", help="folder of the catalog")
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="photo of the person")
    parser.add_argument("--top", metavar="K", type=int, default=100, help="at most K hits (100)")
    parser.add_argument(
        "--min-confidence", metavar="P", type=float, default=None,
        help="leave out hits below this probability (0 to 1; default: 0.1 in text and pages, 0 in "
        "data)",
    )  # fmt: skip
    parser.add_argument(
        "--face", metavar="N", type=int, help="which face of the photo, 1 is the largest (default)"
    )
    within = parser.add_argument_group("search only within")
    within.add_argument(
        "--video", metavar="ID|PATH", action="append", default=[], help="this video (repeatable)"
    )
    within.add_argument(
        "--folder", metavar="FOLDER", action="append", default=[],
        help="videos in this folder, at any depth (repeatable)",
    )  # fmt: skip
    within.add_argument(
        "--since", metavar="TIME", help="videos whose file was changed at this time or later (ISO "
        "8601; UTC where no zone is given)",
    )  # fmt: skip
    within.add_argument("--until", metavar="TIME", help="videos whose file was changed before it")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--csv", metavar="FILE", help="write the hits as CSV ('-': standard output)")
    form.add_argument("--html", metavar="FILE", help="write one self-contained page with pictures")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search and print; status 0 also where nobody is found."""
    from vidsearch.catalog import Catalog
    from vidsearch.search.search import PhotoSearcher, SearchOptions

    for_reading = not (args.json or args.csv is not None)
    least = args.min_confidence
    if least is None:
        least = 0.1 if for_reading else 0.0
    options = SearchOptions(
        top=args.top,
        min_confidence=least,
        face=args.face,
        thumbnails=args.html is not None,
        scope=_scope(args),
    )
    searcher = PhotoSearcher(Catalog.open(args.catalog), device=args.device)
    result = searcher.search(args.photos, options)
    _print(result, args)
    return 0


def _scope(args: argparse.Namespace) -> SearchFilter:
    from vidsearch.search.filter import SearchFilter, moment

    def full(name: str) -> str:
        return name if "://" in name else os.path.abspath(name)  # noqa: PTH100 (keeps links)

    return SearchFilter(
        # A name that is no file here is an id, or the full path of a video that has gone.
        videos=tuple(full(name) if Path(name).exists() else name for name in args.video),
        folders=tuple(map(full, args.folder)),
        since=moment(args.since) if args.since is not None else None,
        until=moment(args.until) if args.until is not None else None,
    )


def _print(result: SearchResult, args: argparse.Namespace) -> None:
    import json

    from vidsearch.results.as_csv import to_csv
    from vidsearch.results.as_html import to_html
    from vidsearch.results.as_json import to_json
    from vidsearch.results.as_text import to_text

    if not (args.html is None and args.csv is None and not args.json):
        for photo in result.query:
            for warning in photo.warnings:
                print(f"vidsearch: {printable(photo.photo)}: {printable(warning)}", file=sys.stderr)
    if args.json:
        print(json.dumps(to_json(result)))
    elif args.csv is not None:
        _write(args.csv, to_csv(result))
    elif args.html is not None:
        if _write(args.html, to_html(result)):
            print(f"wrote {printable(args.html)}")
    else:
        sys.stdout.write(to_text(result, width=shutil.get_terminal_size((100, 24)).columns))


def _write(target: str, text: str) -> bool:
    """Write ``text`` and return whether it made a file (standard output and pipes are none).

    A file appears whole or not at all; a link stays and the file it leads to is replaced.
    """
    if target == "-":
        sys.stdout.write(text)
        return False
    if not target:
        raise ConfigError("'' names no file to write; name one, or '-' for standard output")
    try:
        if _is_folder(target):
            raise ConfigError(f"{target!r} is a folder; name a file in it")
        if _is_stream(target):
            # Appending: a shell's ">>" may have put something there before.
            with Path(target).open("a", encoding="utf-8", newline="") as stream:
                stream.write(text)
            return False
        _replace(Path(os.path.realpath(target)), text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(
            f"{target!r} cannot be written ({error.strerror}); name a file in a folder that exists "
            "and that you may write to"
        ) from error
    return True


def _is_folder(target: str) -> bool:
    return target.endswith("/") or Path(target).is_dir()


def _is_stream(target: str) -> bool:
    """Whether ``target`` is a pipe, a device or an open file's name, not a file to be replaced."""
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


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        # newline="": CSV carries its own line ends.
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
