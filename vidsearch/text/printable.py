"""Names from outside, made safe to print: a file name may hold anything but NUL and a slash."""

from __future__ import annotations

import re
import unicodedata

# Invisible, but part of how Persian, Indic scripts and emoji are spelled; they hide nothing.
_JOINERS = "\u200c\u200d"
_DECORATION = re.compile(r"\x1b\[\d*m|↳")
_STACK_FRAME = re.compile(r"\d+: |stack backtrace|note: ")
_LONGEST_LINE = 240


def printable(text: str) -> str:
    r"""Return ``text`` on one line, with all that could steer a terminal spelled out.

    Control characters, ANSI escapes, line breaks, marks that reorder text, and bytes that are no
    Unicode become backslash escapes; letters of every script and all spaces stay as they are.

    Example:
        >>> printable("a\nb\x1b[31m.mp4")
        'a\\nb\\x1b[31m.mp4'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spell(character) for character in text)


def _spell(character: str) -> str:
    kept = (
        character.isprintable()
        or character in _JOINERS
        or unicodedata.category(character) == "Zs"  # non-breaking, ideographic and other spaces
    )
    return character if kept else character.encode("unicode_escape").decode("ascii")


def one_line(error: BaseException) -> str:
    """Return an error's message as one short line, without the store's colours and stack frames."""
    lines = [_DECORATION.sub("", line).strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not _STACK_FRAME.match(line)]
    return ": ".join(kept)[:_LONGEST_LINE] if kept else type(error).__name__
