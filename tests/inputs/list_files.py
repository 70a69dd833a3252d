"""Lists of videos as people and programs write them: encodings, line ends, spellings of names."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

NAMES = ("a.mp4", "sub/Zoë.mkv", "take #2.avi", "#1.mp4", "with space .mov", "50%.webm")
"""Names below the folder of the list; the letters are composed."""


def plant(folder: Path) -> None:
    """Make the files; the name of one has decomposed letters, as macOS writes it."""
    for name in NAMES:
        path = folder / name.replace("ë", "e\u0308")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (folder / os.fsdecode(b"latin\xe9.mp4")).write_bytes(b"x")


def lists(folder: Path) -> dict[str, bytes]:
    """Return lists that all name ``NAMES``, and the list of ``find -print0``."""
    plain = "\n".join(NAMES)
    urls = "\n".join(f"file://{quote(str(folder / name))}" for name in NAMES)
    return {
        "UTF-8": plain.encode(),
        "UTF-8 with mark": b"\xef\xbb\xbf" + plain.encode(),
        "UTF-16 of Windows": plain.replace("\n", "\r\n").encode("utf-16"),
        "UTF-16 big-endian with mark": b"\xfe\xff" + plain.encode("utf-16-be"),
        "UTF-16 without mark": f"{plain}\n".encode("utf-16-le"),
        "CRLF": plain.replace("\n", "\r\n").encode() + b"\r\n",
        "old Mac": plain.replace("\n", "\r").encode(),
        "decomposed": plain.replace("ë", "e\u0308").encode(),
        "comments": f"# my list\n\n{plain}\n   # end\n\n".encode(),
        "quoted": "\n".join(f'"{name}"' for name in NAMES).encode(),
        "single quotes": "\n".join(f"'{name}'" for name in NAMES).encode(),
        "spaces around": "\n".join(f"  {name}\t" for name in NAMES).encode(),
        "empty columns": "\n".join(f'"{name}";;' for name in NAMES).encode(),
        "absolute": "\n".join(str(folder / name) for name in NAMES).encode(),
        "backslashes": plain.replace("/", "\\").encode(),
        "file URLs": urls.encode(),
        "file URLs of a host": urls.replace("file://", "file://localhost").encode(),
        "file URLs with one slash": urls.replace("file://", "file:").encode(),
        "ending in another case": plain.replace(".mp4", ".MP4").encode(),
        "end mark of DOS": plain.replace("\n", "\r\n").encode() + b"\r\n\x1a",
        "end marks that pad a block": plain.encode() + b"\n" + 40 * b"\x1a",
        "end mark in UTF-16": f"{plain}\r\n\x1a".encode("utf-16"),
        "NUL at the end": f"{plain}\n\0".encode(),
        "joined by cat, each with a mark": plain.encode("utf-8-sig").replace(
            b"\ntake", b"\n\xef\xbb\xbftake"
        ),
        "joined by cat without a line end": plain.encode("utf-8-sig").replace(
            b"\ntake", b"\xef\xbb\xbftake"
        ),
        "UTF-16 joined by cat": "\n".join(["\ufeff" + name for name in NAMES]).encode("utf-16-le"),
        "marks of Windows": "\n".join(f"\u202a{name}\u202c" for name in NAMES).encode(),
        "comments behind names": "\n".join(f"{name}  # {name}" for name in NAMES).encode(),
        "quotation marks of Word": "\n".join(f"\u201c{name}\u201d" for name in NAMES).encode(),
        "find -print0": b"".join(name.encode() + b"\0" for name in NAMES).replace(
            "ë".encode(), "e\u0308".encode()
        ),
    }
