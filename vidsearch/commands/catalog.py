"""The commands ``vidsearch status`` and ``vidsearch forget``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vidsearch.commands import options
from vidsearch.commands.app import Option, command
from vidsearch.errors import CatalogError
from vidsearch.text.json_text import json_text
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.archive import ArchiveStatus
    from vidsearch.integrity.verify import Verification
    from vidsearch.search.track_index import IndexStatus

_DAMAGED = 3
_SELECTION = "Selection (exactly one of these)"


@command("status", "contents of a catalog, and videos that failed, with reasons")
@options.catalog
@click.option(
    "--verify",
    is_flag=True,
    help="read every file and compare it with its checksum; exit status 3 if a part is damaged",
)
@options.print_json
def status(catalog: str, verify: bool, as_json: bool) -> int:
    """Show the contents of a catalog and the state of its index.

    Videos that failed or were read in part are listed with the reason. With --verify, each damaged
    part is listed with its remedy.
    """
    from vidsearch.archive import Archive

    archive = Archive.open(catalog)
    verification = archive.verify() if verify else None
    damaged = verification is not None and bool(verification.damaged)
    try:
        archive_status = archive.status()
    except CatalogError:
        if not damaged:
            raise
        archive_status = None  # the damage says why
    if as_json:
        fields = archive_status.to_json() if archive_status is not None else {}
        if verification is not None:
            fields["verification"] = verification.to_json()
        print(json_text(fields))
    else:
        lines = [describe(archive_status)] if archive_status is not None else []
        lines += verification_lines(verification) if verification is not None else []
        print("\n".join(lines))
    return _DAMAGED if damaged else 0


def verification_lines(verification: Verification) -> list[str]:
    """Return the text of a verification: a summary, and a line for each damaged part."""
    from vidsearch.results.words import counted

    damaged = [f"  {damage}" for damage in verification.damaged]
    unlisted = verification.without_checksum
    checked = f"Verified    {counted(verification.files, 'data file')}"
    if unlisted:
        checked += f", {unlisted} of them without a checksum: their columns were decoded"
    return [checked, f"Damaged     {len(damaged)}:" if damaged else "Damaged     nothing", *damaged]


@command(
    "forget",
    "erase a video's or a person's rows, faces and vectors for good",
    exclusive=("video", "person"),
    one_required=True,
)
@options.catalog
@click.option(
    "--video",
    cls=Option,
    section=_SELECTION,
    metavar="ID|PATH",
    help="video_id or path, as 'search --json' prints them; 8 characters of an id are enough",
)
@click.option(
    "--person",
    cls=Option,
    section=_SELECTION,
    metavar="ID",
    help="person_id, or the name if only one person has it; 8 characters of an id are enough",
)
def forget(catalog: str, video: str | None, person: str | None) -> int:
    """Erase a video or a person from a catalog for good.

    The whole catalog is then searched for remaining traces, and a receipt is written into its
    folder 'receipts'. The video file is not deleted; only 'index --again' indexes it again. For a
    person, the name, every verdict, and every confirmed track and face are erased.
    """
    from dataclasses import asdict

    from vidsearch.archive import Archive

    archive = Archive.open(catalog)
    if person is not None:
        print(json_text(asdict(archive.forget_person(person))))
    elif video is not None:
        print(json_text(asdict(archive.forget(video))))
    return 0


def describe(status: ArchiveStatus) -> str:
    """Return the text of ``vidsearch status``."""
    from vidsearch.catalog.erasures.pending import pending_sentence
    from vidsearch.results.account_sentences import account_lines
    from vidsearch.results.words import counted

    videos = status.videos
    lines = [
        f"Catalog     {printable(status.uri)}",
        f"Model       {printable(status.pack)} ({status.model_id})",
        "Videos      {indexed} indexed, {partial} read in part, {failed} failed".format(**videos),
        f"Searchable  {_length(status.duration_s)} of video; {status.tracks} tracks",
        f"Decoded     {100 * status.share_read:.4g} % of that video",
        f"Faces       {status.faces} detected; {status.faces_too_poor} too small or too blurred",
        f"People      {status.people} named",
        f"Index       {describe_index(status.index)}",
    ]
    lines += [f"Erasing     {pending_sentence(e, status.uri)}" for e in status.pending_erasures]
    for title, problems in (("Failed:", status.failures), ("Read in part:", status.partly_read)):
        if problems:
            lines += ["", title]
            lines += [f"  {printable(p.video)}: {printable(p.message)}" for p in problems]
    lines += _stream_lines(status)
    for source in status.sources:
        lines += ["", f"Searched {printable(source.source)} at {source.searched_at}:"]
        videos_found = counted(source.account.videos, "video")
        folders = counted(source.account.folders, "folder")
        lines.append(f"  {videos_found} in {folders}.")
        lines += [f"  {line}" for line in account_lines(source.account)]
        lines += [f"  Failed: {printable(message)}" for _, _, message in source.failures]
    return "\n".join(lines)


def _stream_lines(status: ArchiveStatus) -> list[str]:
    from vidsearch.results.stream_sentences import (
        assumed_text,
        stream_lines,
        turned_parts_text,
        unread_text,
    )

    unread, turned, parts = status.streams_not_indexed, status.turned, status.turned_parts
    assumed = status.times_assumed
    lines = stream_lines(unread, turned, parts, assumed)
    for note in unread:
        streams = "; ".join(map(unread_text, note.unread))
        lines.append(f"  {printable(note.video)}: {streams} not looked at")
    for note in turned:
        streams = "; ".join(f"stream {index} by {degrees}" for index, degrees in note.turned)
        lines.append(f"  {printable(note.video)}: {streams} degrees")
    lines += [f"  {printable(note.video)}: {turned_parts_text(note)}" for note in parts]
    lines += [f"  {printable(note.video)}: {assumed_text(note)}" for note in assumed]
    return ["", *lines] if lines else []


def describe_index(index: IndexStatus) -> str:
    """Return an index's kind, time of its build and backlog as text."""
    built = "never built" if index.built is None else f"built {index.built}"
    return f"{index.kind}, {built}, {index.pending} tracks not in it yet"


def _length(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:.0f} s"
