"""A report table as CSV, Markdown and HTML."""

from __future__ import annotations

import csv
import io

from markupsafe import Markup

from vidsearch.evaluation.report.report import Cell, ReportTable
from vidsearch.text.cells import csv_cell, markdown_cell
from vidsearch.text.templates import render


def to_csv(table: ReportTable) -> str:
    """Return the table as CSV, floats in full precision; a missing value is an empty field.

    Text that a spreadsheet would evaluate as a formula is escaped, see ``csv_cell``.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([csv_cell(name) for name in table.columns])
    writer.writerows([[csv_cell(cell) for cell in row] for row in table.rows])
    return out.getvalue()


def to_markdown(table: ReportTable) -> str:
    """Return the table as GitHub Markdown, below its caption."""
    rules = ["--:" if numeric else "---" for numeric in _numeric(table)]
    lines = [table.columns, *_formatted_rows(table)]
    rows = ["| " + " | ".join(markdown_cell(cell) for cell in line) + " |" for line in lines]
    rows.insert(1, f"| {' | '.join(rules)} |")
    body = "\n".join(rows)
    return f"{markdown_cell(table.caption)}\n\n{body}\n"


def to_html(table: ReportTable) -> Markup:
    """Return the table as an HTML ``figure``, numbers aligned at the right."""
    return render(
        "vidsearch.evaluation.report",
        "table.html",
        table=table,
        rows=_formatted_rows(table),
        numeric=_numeric(table),
    )


def format_cell(cell: Cell, digits: int = 4) -> str:
    """Return the text of a cell: floats with ``digits`` decimals, a dash for a missing value."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        if cell != 0 and abs(cell) < 10**-digits:
            return f"{cell:.2g}"
        return f"{cell:.{digits}f}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)


def _formatted_rows(table: ReportTable) -> list[tuple[str, ...]]:
    return [tuple(format_cell(cell, table.digits) for cell in row) for row in table.rows]


def _numeric(table: ReportTable) -> list[bool]:
    """Return one flag per column: True if all its values are numbers."""
    numeric = []
    for column in range(len(table.columns)):
        cells = [row[column] for row in table.rows if row[column] is not None]
        numeric.append(bool(cells) and not any(isinstance(cell, str) for cell in cells))
    return numeric
