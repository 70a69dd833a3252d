"""Text tables as people save them: encodings, separators, quotation marks, line ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Rows = Sequence[Sequence[str]]


def _separated(rows: Rows, separator: str, *, quoted: bool = False, columns: int = 0) -> str:
    """Return rows as text; ``columns`` empty cells are added to every row."""
    mark = '"' if quoted else ""
    return "".join(
        separator.join(f"{mark}{cell}{mark}" for cell in [*row, *[""] * columns]) + "\n"
        for row in rows
    )


def _without_trailing_cells(rows: Rows) -> str:
    lines = []
    for row in rows:
        filled = max((number for number, cell in enumerate(row, 1) if cell), default=0)
        lines.append(",".join(row[:filled]) + "\n")
    return "".join(lines)


TABLES: dict[str, Callable[[Rows], bytes]] = {
    "UTF-8 with commas": lambda rows: _separated(rows, ",").encode(),
    "CSV UTF-8 of Excel": lambda rows: (
        _separated(rows, ",").replace("\n", "\r\n").encode("utf-8-sig")
    ),
    "semicolons of Excel": lambda rows: (
        _separated(rows, ";").replace("\n", "\r\n").encode("utf-8-sig")
    ),
    "Unicode text of Excel": lambda rows: (
        _separated(rows, "\t").replace("\n", "\r\n").encode("utf-16")
    ),
    "UTF-16 big-endian": lambda rows: (
        b"\xfe\xff" + _separated(rows, ";").replace("\n", "\r\n").encode("utf-16-be")
    ),
    "UTF-16 without a mark": lambda rows: _separated(rows, ",").encode("utf-16-le"),
    "UTF-16 big-endian without a mark": lambda rows: _separated(rows, ",").encode("utf-16-be"),
    "UTF-32": lambda rows: _separated(rows, ",").encode("utf-32"),
    "tabs": lambda rows: _separated(rows, "\t").encode(),
    "every cell quoted": lambda rows: _separated(rows, ",", quoted=True).encode(),
    "quoted with semicolons": lambda rows: _separated(rows, ";", quoted=True).encode(),
    "empty columns at the end": lambda rows: _separated(rows, ",", columns=3).encode(),
    "empty rows at the end": lambda rows: (
        _separated([*rows, *[[""] * len(rows[0])] * 3], ";").encode() + b"\r\n\r\n"
    ),
    "omitted cells at the end": lambda rows: _without_trailing_cells(rows).encode(),
    "a line that names the separator": lambda rows: (
        b"sep=;\r\n" + _separated(rows, ";").replace("\n", "\r\n").encode()
    ),
    "line ends of old Macs": lambda rows: _separated(rows, ",").replace("\n", "\r").encode(),
    "no line end at the end": lambda rows: _separated(rows, ",").encode().rstrip(b"\n"),
    "end mark of DOS": lambda rows: _separated(rows, ";").replace("\n", "\r\n").encode() + b"\x1a",
    "end mark of DOS in UTF-16": lambda rows: (_separated(rows, "\t") + "\x1a\x1a").encode(
        "utf-16"
    ),
    "blank lines": lambda rows: _separated(rows, ",").replace("\n", "\n\n").encode(),
}

LISTS: dict[str, Callable[[Rows], bytes]] = {
    "blanks": lambda rows: _separated(rows, " ").encode(),
    "tabs": lambda rows: _separated(rows, "\t").encode(),
    "UTF-8 with a mark": lambda rows: _separated(rows, " ").encode("utf-8-sig"),
    "UTF-16": lambda rows: _separated(rows, "\t").encode("utf-16"),
    "UTF-16 big-endian": lambda rows: b"\xfe\xff" + _separated(rows, " ").encode("utf-16-be"),
    "UTF-16 without a mark": lambda rows: _separated(rows, " ").encode("utf-16-le"),
    "UTF-32": lambda rows: _separated(rows, " ").encode("utf-32"),
    "line ends of Windows": lambda rows: _separated(rows, " ").replace("\n", "\r\n").encode(),
    "line ends of old Macs": lambda rows: _separated(rows, "\t").replace("\n", "\r").encode(),
    "no line end at the end": lambda rows: _separated(rows, " ").encode().rstrip(b"\n"),
    "end mark of DOS": lambda rows: _separated(rows, " ").encode() + b"\x1a\0\0",
    "blank lines": lambda rows: _separated(rows, " ").replace("\n", "\n\n").encode(),
}

REFUSED: dict[str, tuple[bytes, str]] = {
    "Windows-1252": ("name\nZoë\n".encode("cp1252"), r"line 2 is not UTF-8 text.*'CSV UTF-8'"),
    "Windows-1251": ("name\nЮлия\n".encode("cp1251"), r"line 2 is not UTF-8 text.*'CSV UTF-8'"),
    "Shift JIS": ("name\n写真\n".encode("shift_jis"), r"line 2 is not UTF-8 text"),
    "cut in a letter": ("name\nZoë\n".encode("utf-16")[:-3], "is not complete UTF-16-LE text"),
    "an Excel workbook": (b"PK\3\4\x14\0\6\0\x08\0\0\0!\0\xb5\xb2", "is not a text file"),
    "joined of two encodings": (
        b"name\nAnn\n" + "name\nZoë\n".encode("utf-16"),
        "has lines in UTF-16 among others",
    ),
    "a photo with a comment": (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\n\xff\xfe\0\6hi",
        "is not a text file",
    ),
    "a photo": (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1", "is not a text file"),
}
