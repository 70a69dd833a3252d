"""Decoding of text files that people write: lists, pairs and CSV tables from any system."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

# The UTF-32 mark begins with the UTF-16 mark, so it is compared first.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
    (codecs.BOM_UTF8, "UTF-8"),
)
_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARK: Final = "\ufeff"
_END_MARK: Final = "\x1a"
_END_PADDING: Final = f"{_END_MARK}\0 \t\n"
_SAMPLE_BYTES: Final = 1 << 16
_MOSTLY: Final = 0.75
_TEXT_CONTROLS: Final = frozenset(b"\0\t\n\f\r")
_SEPARATORS: Final = (",", ";", "\t")
_EXCEL_SEPARATOR: Final = "sep="


def decode_text(content: bytes, name: str, *, keep_bytes: bool = False) -> str:
    r"""Return the text of a file in UTF-8, UTF-16 or UTF-32, with line ends as ``\n``.

    Byte order marks are removed, also in front of later lines, where joined files leave them. So is
    the end mark of DOS (0x1A) with what pads it. UTF-16 without a mark is recognised by the zero
    bytes of its letters or line ends.

    Args:
        content: The whole file.
        name: Name of the file in errors.
        keep_bytes: True to decode bytes that are not UTF-8 as ``os.fsdecode`` does, for lists of
            file names.

    Raises:
        ConfigError: The file is in another encoding, or is no text. The message names the file,
            the line, the byte and the remedy.

    Example:
        >>> decode_text("Zoë\r\nAnn".encode("utf-16"), "list.txt")
        'Zoë\nAnn'
    """
    encoding, start = _encoding(content)
    if not start and _has_utf_16_lines(content):
        raise ConfigError(
            f"{printable(name)} has lines in UTF-16 among others, as 'cat' joins them; save it as "
            "UTF-8"
        )
    errors = "surrogateescape" if keep_bytes and encoding == "UTF-8" else "strict"
    try:
        text = content[start:].decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise _not_text(content, start + error.start, encoding, name) from None
    text = _without_end_mark(text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.replace(f"\n{_MARK}", "\n") if _MARK in text else text


def _without_end_mark(text: str) -> str:
    """Return a text without the end mark of DOS, unless other text follows the mark."""
    content = text.rstrip(_END_PADDING)
    return (
        text[: text.index(_END_MARK, len(content))] if _END_MARK in text[len(content) :] else text
    )


def read_text(path: Path) -> str:
    """Return the text of a file; see ``decode_text``.

    Raises:
        ConfigError: The file cannot be read, or is not text.
    """
    return decode_text(_content(path), str(path))


@dataclass(frozen=True, slots=True)
class CsvTable:
    """Table of a text file.

    Attributes:
        separator: Character between cells.
        rows: Number, from 1, of the last line of each row that is not blank, and its cells. The
            first row holds the headings.
    """

    separator: str
    rows: tuple[tuple[int, list[str]], ...]


def read_csv_table(path: Path) -> CsvTable:
    """Return the table of a CSV file.

    Cells are separated by the comma, semicolon or tab that the headings hold most often, or by the
    one that a first line ``sep=;`` names. Empty cells at the end of rows, which spreadsheets add
    and omit, are evened out: rows have the length of the headings, or are longer if a further cell
    has content.

    Raises:
        ConfigError: The file cannot be read, is not text, or has a malformed quotation.
    """
    stream = io.StringIO(read_text(path))
    separator, skipped = _separator(stream)
    reader = csv.reader(stream, delimiter=separator, strict=True)
    columns = 0
    rows = []
    try:
        for cells in reader:
            filled = max((i for i, cell in enumerate(cells, 1) if cell.strip()), default=0)
            if filled:
                columns = columns if columns else filled
                padding = [""] * max(columns - len(cells), 0)
                rows.append((skipped + reader.line_num, cells[: max(columns, filled)] + padding))
    except csv.Error as error:
        raise ConfigError(
            f"{printable(str(path))}, line {skipped + reader.line_num}: {error}; check the "
            "quotation marks, or save the table again as 'CSV UTF-8'"
        ) from error
    return CsvTable(separator, tuple(rows))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{printable(str(path))} cannot be read ({error.strerror}); check the path"
        ) from error
    except ValueError as error:  # NUL in the path
        raise ConfigError(f"{printable(str(path))} is not a path ({error})") from error


def _encoding(content: bytes) -> tuple[str, int]:
    """Return the encoding of a text, and the length of its byte order mark."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, len(mark)
    sample = content[:_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if even == odd or min(even, odd) > 0 or len(content) % 2:
        return "UTF-8", 0
    encoding, line_end = ("UTF-16-LE", b"\n\0") if odd else ("UTF-16-BE", b"\0\n")
    if max(even, odd) >= _MOSTLY * len(sample) / 2:
        return encoding, 0
    # A list separated by NUL may have all its zero bytes at odd places too.
    return (encoding if line_end in sample and not _is_utf8(sample) else "UTF-8"), 0


def _has_utf_16_lines(content: bytes) -> bool:
    """Return True if text begins in another encoding and continues in UTF-16 with a mark."""
    positions = [content.find(mark) for mark in _UTF_16_MARKS if mark in content]
    first = min(positions, default=0)
    return first > 0 and b"\0" in content[first:] and _is_utf8(content[:first])


def _is_utf8(sample: bytes) -> bool:
    """Return True if bytes are UTF-8, perhaps cut short, with no control characters but NUL."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return not any(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in sample)


def _not_text(content: bytes, position: int, encoding: str, name: str) -> ConfigError:
    file_name = printable(name)
    if encoding != "UTF-8":
        return ConfigError(
            f"{file_name} is not complete {encoding} text (byte {position}); save it again as UTF-8"
        )
    if b"\0" in content[:_SAMPLE_BYTES]:
        return ConfigError(f"{file_name} is not a text file (byte {position}); check the path")
    line = len(content[:position].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    return ConfigError(
        f"{file_name}, line {line} is not UTF-8 text (byte {position} is 0x"
        f"{content[position]:02X}); save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
    )


def _separator(stream: io.StringIO) -> tuple[str, int]:
    """Return the separator of cells, and the number of lines to skip; move to the next line."""
    first = stream.readline().rstrip("\n")
    named = first.strip('" ').lower()
    if named.startswith(_EXCEL_SEPARATOR) and len(named) == len(_EXCEL_SEPARATOR) + 1:
        return named[-1], 1
    headings = first
    while not headings.strip():
        line = stream.readline()
        if not line:
            break
        headings = line
    stream.seek(0)
    unquoted = "".join(headings.split('"')[::2])
    return max(_SEPARATORS, key=unquoted.count), 0
