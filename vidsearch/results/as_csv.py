"""A search result as a CSV table, one row per hit."""

from __future__ import annotations

import csv
import io

from vidsearch.results.as_json import to_json
from vidsearch.results.result import SearchResult

COLUMNS = (
    "rank",
    "confidence",
    "similarity",
    "video",
    "video_id",
    "track_id",
    "start_s",
    "end_s",
    "best_s",
    "x1",
    "y1",
    "x2",
    "y2",
    "person",
)

# Spreadsheets evaluate a cell that begins with one of these as a formula (the wide forms in East
# Asian settings). The apostrophe is in the list so that the escape can be undone.
_ESCAPED = tuple("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")


def to_csv(result: SearchResult) -> str:
    r"""Return the hits as CSV (RFC 4180): a header row, CRLF line ends, quotes where needed.

    Write it as UTF-8 with ``newline=""``. Text that a spreadsheet would evaluate as a formula, and
    text that begins with an apostrophe, gets an apostrophe in front; remove one leading apostrophe
    to read a cell back. Bytes of a file name that are not Unicode become ``\udcXX``. A missing
    person is an empty cell.
    """
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in to_json(result)["hits"]:
        x1, y1, x2, y2 = row.pop("box_xyxy")
        cells = row | {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        writer.writerow([safe_cell(cells[column]) for column in COLUMNS])
    return table.getvalue()


def safe_cell(value: float | str | None) -> float | str:
    """Return a value that no spreadsheet evaluates as a formula; see ``to_csv``."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{text}" if text.startswith(_ESCAPED) else text
