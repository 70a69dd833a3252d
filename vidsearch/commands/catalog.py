"""The commands ``vidsearch status`` and ``vidsearch forget``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.archive import ArchiveStatus
    from vidsearch.search.track_index import IndexStatus


def register(commands: Any) -> None:
    """Add the commands to the parser of ``vidsearch``."""
    status: argparse.ArgumentParser = commands.add_parser(
        "status",
        help="what is in a catalog, what failed and why",
        description="Say what a catalog holds, which videos failed or were read in part and why, "
        "and how its index stands.",
    )
    status.add_argument("catalog", metavar="CATALOG", help="folder of the catalog")
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.set_defaults(run=_run_status)
    forget: argparse.ArgumentParser = commands.add_parser(
        "forget",
        help="erase a video's or a person's rows, faces and vectors for good",
        description="Erase a video or a person from a catalog for good, search all of it for what "
        "may be left, and write a receipt into the catalog's folder 'receipts'. A video file "
        "itself stays: remove it too, or it is indexed again. Of a person go the name, every "
        "verdict, and every track and face that was confirmed.",
    )
    forget.add_argument("catalog", metavar="CATALOG", help="folder of the catalog")
    what = forget.add_mutually_exclusive_group(required=True)
    what.add_argument("--video", metavar="ID", help="video_id, as 'search --json' gives it")
    what.add_argument(
        "--person", metavar="ID", help="person_id, or the name where only one person has it"
    )
    forget.set_defaults(run=_run_forget)


def _run_status(args: argparse.Namespace) -> int:
    from vidsearch.archive import Archive

    status = Archive.open(args.catalog).status()
    print(json.dumps(status.to_json()) if args.json else describe(status))
    return 0


def _run_forget(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from vidsearch.archive import Archive

    archive = Archive.open(args.catalog)
    receipt = (
        archive.forget(args.video) if args.person is None else archive.forget_person(args.person)
    )
    print(json.dumps(asdict(receipt)))
    return 0


def describe(status: ArchiveStatus) -> str:
    """Return the text of ``vidsearch status``."""
    videos = status.videos
    lines = [
        f"Catalog     {printable(status.uri)}",
        f"Model       {printable(status.pack)} ({status.model_id})",
        "Videos      {indexed} indexed, {partial} read in part, {failed} failed".format(**videos),
        f"Searchable  {_length(status.duration_s)} of video; {status.tracks} tracks",
        f"Decoded     {100 * status.share_read:.4g} % of that video",
        f"Faces       {status.faces} seen; {status.faces_too_poor} too small or blurred to match",
        f"People      {status.people} named",
        f"Index       {describe_index(status.index)}",
    ]
    for title, problems in (("Failed:", status.failures), ("Read in part:", status.partly_read)):
        if problems:
            lines += ["", title]
            lines += [f"  {printable(p.video)}: {printable(p.message)}" for p in problems]
    return "\n".join(lines)


def describe_index(index: IndexStatus) -> str:
    """Return an index's kind, age and backlog in words."""
    built = "never built" if index.built is None else f"built {index.built}"
    return f"{index.kind}, {built}, {index.pending} tracks searched beside it"


def _length(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:.0f} s"
