"""A search result as a CSV table, one row per hit."""

from __future__ import annotations

import csv
import io

from vidsearch.results.as_json import to_json
from vidsearch.results.result import SearchResult
from vidsearch.text.cells import csv_cell

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


def to_csv(result: SearchResult) -> str:
    """Return the hits as CSV (RFC 4180): a header row, CRLF line ends, quotes where needed.

    Write it as UTF-8 with ``newline=""``. Text that a spreadsheet would evaluate as a formula is
    escaped, see ``csv_cell``. Names are valid Unicode, see ``portable_name``. A missing person is
    an empty cell.
    """
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in to_json(result)["hits"]:
        x1, y1, x2, y2 = row.pop("box_xyxy")
        cells = row | {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        writer.writerow([csv_cell(cells[column]) for column in COLUMNS])
    return table.getvalue()
