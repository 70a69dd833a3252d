"""A folder as a NAS holds it: videos of every kind, and everything that lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vidsearch.video.discovery.entries import EntryKind

PACKET = bytes.fromhex("47400010 0000b00d 0001c100") + b"\xff" * 176
LARGE = 8192


@dataclass(frozen=True)
class Planted:
    """An entry of the tree and the account that is right for it.

    Attributes:
        path: Path below the root.
        content: Content of a file.
        link: Target of a link, relative to the link's folder; None for no link.
        kind: Right kind; None for a file inside an excluded folder.
        detail: Right ending or rule.
    """

    path: str
    content: bytes = b"x"
    link: str | None = None
    kind: EntryKind | None = EntryKind.VIDEO
    detail: str = ""


def _video(path: str, content: bytes = b"damaged or whole: a video by its ending") -> Planted:
    return Planted(path, content)


def _other(path: str, content: bytes = b"text") -> Planted:
    return Planted(path, content, kind=EntryKind.PASSED_OVER, detail=Path(path).suffix.lower())


def _excluded(path: str, rule: str) -> Planted:
    return Planted(path, kind=EntryKind.EXCLUDED, detail=rule)


def _inside(path: str) -> Planted:
    return Planted(path, kind=None)


def _sized(head: bytes) -> bytes:
    return head.ljust(LARGE, b"\x91")


PLANTED = (
    _video("2010/party.mp4"),
    _video("2010/PARTY.MOV"),
    _video("2010/Über uns/naïve 東京.webm"),
    _video("2010/U\u0308ber uns/decomposed.MKV"),
    _video("tape.TS", PACKET * 30),
    _video("empty.mp4", b""),
    _video("line\nbreak.avi"),
    _video(os.fsdecode(b"latin\xe9.mkv")),
    _video("recorder/channel 01.dav"),
    _video("recorder/channel 02", _sized(bytes.fromhex("000001ba44"))),
    _video("recorder/0001.rec", PACKET * 50),
    _video("export.clip", _sized(b"\x1aE\xdf\xa3 matroska")),
    _video("fragment.m4s", _sized(b"\0\0\0\x18ftypiso5")),
    _video("moving.gif", b"GIF89a" + bytes(7) + (b"\x2c" + bytes(9) + b"\2\1\0\0") * 2 + b";"),
    _other("2010/party.xmp"),
    _other("2010/party.SRT"),
    _other("2010/photo.jpg", b"\xff\xd8\xff\xe0 a photo"),
    _other("2010/still.gif", b"GIF89a" + bytes(7) + b"\x2c" + bytes(9) + b"\2\1\0\0;"),
    _other("2010/still.png", b"\x89PNG\r\n\x1a\n" + bytes(8)),
    _other("2010/still.webp", b"RIFF\4\0\0\0WEBP"),
    _other("2010/phone.HEIC", b"\0\0\0\x18ftypheic"),
    _other("2010/song.m4a", _sized(b"\0\0\0\x20ftypM4A ")),
    _other("music.ogg", _sized(b"OggS\0\2 OpusHead")),
    _other("README"),
    _other("notes.txt", _sized(bytes.fromhex("000001ba44"))),
    _other("unfinished.mp4.part", _sized(b"\0\0\0\x18ftypisom")),
    _other("short unknown.xyz", bytes.fromhex("000001ba44")),
    _other("web/app.ts", b"import { x } from './y';\n" * 400),
    _other("web/go.mod", b"module example\n"),
    _other("piece.m4s", _sized(b"\0\0\0\x18stypmsdh")),
    _other("disk.iso", _sized(b"\0")),
    _excluded(".hidden.mp4", ".*"),
    _excluded("._party.mp4", "._*"),
    _excluded("2010/.DS_Store", ".DS_Store"),
    _excluded("2010/.party.mp4.Xa3f9Q", ".*"),  # a copy by rsync that is not finished
    _excluded("#recycle", "#recycle"),
    _inside("#recycle/deleted.mp4"),
    _inside("#recycle/2009/deleted too.mp4"),
    _excluded("2010/@eaDir", "@eaDir"),
    _inside("2010/@eaDir/party.mp4/SYNOVIDEO_VIDEO_SCREENSHOT.jpg"),
    _excluded("@Recycle", "@Recycle"),
    _inside("@Recycle/x.avi"),
    _excluded("@Recently-Snapshot", "@Recently-Snapshot"),
    _inside("@Recently-Snapshot/daily/2010/party.mp4"),
    _excluded("#snapshot", "#snapshot"),
    _inside("#snapshot/GMT-01/2010/party.mp4"),
    _excluded(".snapshot", ".snapshot*"),
    _inside(".snapshot/hourly.0/party.mp4"),
    _excluded(".Trash-1000", ".Trash*"),
    _inside(".Trash-1000/files/old.mp4"),
    _excluded("$Recycle.Bin", "$RECYCLE.BIN"),
    _inside("$Recycle.Bin/S-1-5/$RX.mp4"),
    _excluded("System Volume Information", "System Volume Information"),
    _inside("System Volume Information/tracking.log"),
    _excluded("lost+found", "lost+found"),
    _excluded("my catalog", "catalog of vidsearch"),
    _inside("my catalog/catalog.json"),
    _inside("my catalog/files/a.parquet"),
    _inside("my catalog/people/a.parquet"),
    _inside("my catalog/verdicts/a.parquet"),
    Planted("gone.mp4", link="nowhere.mp4", kind=EntryKind.DANGLING),
    Planted("circle", link="circle", kind=EntryKind.DANGLING),
    Planted("to 2010", link="2010", kind=EntryKind.REPEATED),
    Planted("to itself", link=".", kind=EntryKind.REPEATED),
    Planted("the party.mp4", link="2010/party.mp4", kind=EntryKind.VIDEO),
)
"""Entries with their right account. Folders that are searched are not listed."""


def plant(root: Path) -> dict[str, Planted]:
    """Make the tree; return its entries by absolute path."""
    for entry in PLANTED:
        path = root / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.link is not None:
            path.symlink_to(entry.link)
        elif entry.kind is EntryKind.EXCLUDED and _is_folder(entry.path):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(entry.content)
    os.mkfifo(root / "pipe.ts")
    (root / "empty folder").mkdir()
    return {
        **{str(root / entry.path): entry for entry in PLANTED},
        str(root / "pipe.ts"): Planted("pipe.ts", kind=EntryKind.SPECIAL),
    }


def walk(root: Path) -> Iterator[str]:
    """Yield every path below a folder, as ``find`` prints it; links are not followed."""
    for folder, folders, files in os.walk(root):
        yield from (f"{folder}/{name}" for name in (*folders, *files))


def _is_folder(path: str) -> bool:
    return any(entry.path.startswith(f"{path}/") for entry in PLANTED) or path == "lost+found"
