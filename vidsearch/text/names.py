"""Names of files as text: valid Unicode in every output, and back to the bytes on the disk.

A file name is bytes. Python decodes it as UTF-8 and keeps other bytes as lone surrogates, which
JSON readers, Parquet and UTF-8 files refuse. Such a path is written as a ``file:`` URL with
percent-encoded bytes. Every command takes this URL in place of the path.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

_FILE_URL = "file://"
# Directions, widths and marks without a glyph, which Windows copies along with a path.
_INVISIBLE = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def composed(name: str) -> str:
    r"""Return a name with composed letters (NFC); names that are equal in this form are the same.

    macOS and some network drives present names decomposed (NFD).

    Example:
        >>> composed("e\u0301te\u0301") == "\u00e9t\u00e9"
        True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def without_invisible_ends(name: str) -> str:
    r"""Return a name without spaces and invisible marks at its ends.

    Example:
        >>> without_invisible_ends("\u202aC:/films/a.mp4 ")
        'C:/films/a.mp4'
    """
    return name.strip().strip(_INVISIBLE).strip()


def portable_name(name: str) -> str:
    r"""Return a path or URI as valid Unicode.

    A path with bytes that are not UTF-8 becomes a ``file:`` URL of the absolute path. Any other
    name is unchanged. ``native_name`` is the inverse.

    Example:
        >>> portable_name("/films/caf\udce9.mp4"), portable_name("/films/50% é.mp4")
        ('file:///films/caf%E9.mp4', '/films/50% é.mp4')
    """
    if is_unicode(name):
        return name
    if is_remote_name(name):
        return re.sub("[\ud800-\udfff]", lambda found: quote(os.fsencode(found[0])), name)
    return Path(os.path.abspath(name)).as_uri()  # noqa: PTH100 (resolve() would follow links)


def ascii_name(name: str) -> str:
    r"""Return a path or URI in printable ASCII; other paths become a ``file:`` URL.

    Example:
        >>> ascii_name("/films/a b.mp4"), ascii_name("/films/\u00e9\n.mp4")
        ('/films/a b.mp4', 'file:///films/%C3%A9%0A.mp4')
    """
    if name.isascii() and name.isprintable():
        return name
    if is_remote_name(name):
        return quote(os.fsencode(name), safe="/:?&=#%+@~ ")
    return Path(os.path.abspath(name)).as_uri()  # noqa: PTH100 (as above)


def native_name(name: str) -> str:
    r"""Return the path or URI that ``portable_name`` wrote as ``name``; other names are unchanged.

    Example:
        >>> native_name("file:///films/caf%E9.mp4"), native_name("file:///films/a%20b.mp4")
        ('/films/caf\udce9.mp4', 'file:///films/a%20b.mp4')
    """
    if not name.startswith(f"{_FILE_URL}/"):
        return name
    path = path_of_url(name)
    return path if portable_name(path) == name else name


def is_file_url(name: str) -> bool:
    """Return True for a ``file://`` URL."""
    return name[: len(_FILE_URL)].lower() == _FILE_URL


def is_remote_name(name: str) -> bool:
    """Return True for a URI of another scheme than ``file``, such as ``s3://bucket/a.mp4``."""
    return _REMOTE.match(name) is not None and not is_file_url(name)


def path_of_url(url: str) -> str:
    r"""Return the path of a ``file://`` URL, with the bytes that it names.

    A host is ignored. ``?`` and ``#`` belong to the path, because not every program encodes them.

    Example:
        >>> path_of_url("file:///a%20b/caf%E9.mp4"), path_of_url("file://nas/take #2.mp4")
        ('/a b/caf\udce9.mp4', '/take #2.mp4')
    """
    _, slash, path = url[len(_FILE_URL) :].partition("/")
    return os.fsdecode(unquote_to_bytes(os.fsencode(slash + path)))


def is_unicode(text: str) -> bool:
    """Return True unless the text holds lone surrogates, which no UTF-8 file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
