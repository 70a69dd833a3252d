"""Conversion of file names and foreign error messages to text that is safe to print."""

from __future__ import annotations

import os
import re
import unicodedata

# Invisible characters that belong to the spelling of Persian, Indic scripts and emoji.
_JOINERS = "\u200c\u200d"
_DECORATION = re.compile(r"\x1b\[\d*m|↳|\[errno \d+\] ?", re.IGNORECASE)
_RUST_ERROR = re.compile(r'(?:Error: )?Os \{ code: \d+, kind: \w+, message: "([^"]*)" \}')
_STACK_FRAME = re.compile(r"\d+: |stack backtrace|note: ")
_LONGEST_MESSAGE = 240
_SURROGATE = re.compile("[\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return ``text`` on one line, with every character that could control a terminal escaped.

    Control characters, ANSI escapes, line breaks, direction marks and bytes that are not UTF-8
    become backslash escapes, as a shell reads them in ``$'...'``. Letters of every script and all
    spaces stay unchanged.

    Example:
        >>> printable("a\nb\x1b[31m caf\udce9.mp4")
        'a\\nb\\x1b[31m caf\\xe9.mp4'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_printed(character) for character in text)


def quoted(name: str | os.PathLike[str]) -> str:
    r"""Return a name or path as ``printable`` text in single quotes, for error messages.

    Example:
        >>> print(quoted("caf\udce9.mp4"))
        'caf\xe9.mp4'
    """
    return f"'{printable(os.fspath(name))}'"


def _printed(character: str) -> str:
    harmless = (
        character.isprintable()
        or character in _JOINERS
        or unicodedata.category(character) == "Zs"  # non-breaking, ideographic and other spaces
    )
    return character if harmless else _escaped(character)


def valid_unicode(text: str) -> str:
    r"""Return ``text`` with lone surrogates escaped, so that it can be encoded.

    Example:
        >>> valid_unicode("'caf\udce9.mp4' is\ndamaged")
        "'caf\\xe9.mp4' is\ndamaged"
    """
    return _SURROGATE.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name, as os.fsdecode keeps it
        return f"\\x{code - 0xDC00:02x}"
    if 0x80 <= code <= 0x9F:  # not \\x80, which is a byte
        return f"\\u{code:04x}"
    return character.encode("unicode_escape").decode("ascii")


def one_line(error: BaseException, *, with_type: bool = False) -> str:
    r"""Return an error's message on one short line, safe to print.

    Colours, stack frames and debug forms of the table store, and numbers of system errors are left
    out. Without a message, the type of the error is returned.

    Args:
        error: The error.
        with_type: Put the type of the error in front of the message.

    Example:
        >>> one_line(OSError("disk full\ntry again")), one_line(TimeoutError())
        ('disk full: try again', 'TimeoutError')
        >>> one_line(OSError("disk full"), with_type=True)
        'OSError: disk full'
    """
    lines = [_DECORATION.sub("", line).strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line]
    message = ": ".join(lines[:1] + [line for line in lines[1:] if not _STACK_FRAME.match(line)])
    message = _RUST_ERROR.sub(r"\1", message)
    name = type(error).__name__
    if not message:
        return name
    return printable(f"{name}: {message}" if with_type else message)[:_LONGEST_MESSAGE]


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, or the class name if that line is empty.

    Example:
        >>> first_line(RuntimeError("no compiler\nset TORCH_LOGS")), first_line(KeyError())
        ('no compiler', 'KeyError')
    """
    return next(iter(str(error).splitlines()), "") or type(error).__name__
