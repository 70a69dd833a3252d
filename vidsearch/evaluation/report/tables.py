"""A table as CSV, Markdown and HTML."""

from __future__ import annotations

import csv
import io

from vidsearch.evaluation.report.report import Cell, Table
from vidsearch.text.html import text
from vidsearch.text.printable import printable


def to_csv(table: Table) -> str:
    """Return the table with full precision; an empty field where there is no value."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([["" if cell is None else cell for cell in row] for row in table.rows])
    return out.getvalue()


def to_markdown(table: Table) -> str:
    """Return the table as GitHub shows it, under its caption."""
    rules = ["--:" if numeric else "---" for numeric in _numeric(table)]
    lines = [table.columns, tuple(rules), *(_shown_row(table, row) for row in table.rows)]
    body = "\n".join("| " + " | ".join(_cell_text(cell) for cell in line) + " |" for line in lines)
    return f"{printable(table.caption)}\n\n{body}\n"


def to_html(table: Table) -> str:
    """Return a ``figure`` with the table, numbers aligned at the right."""
    classes = [' class="n"' if numeric else "" for numeric in _numeric(table)]
    head = "".join(
        f'<th scope="col"{kind}>{text(name)}</th>'
        for kind, name in zip(classes, table.columns, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{text(cell)}</td>"
            for kind, cell in zip(classes, _shown_row(table, row), strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    return f"""<figure class="table"><figcaption>{text(table.caption)}</figcaption>
<div class="scroll"><table><thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table></div></figure>"""


def shown(cell: Cell, digits: int = 4) -> str:
    """Return a cell as people read it; what there is no value for is a dash."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        if cell != 0 and abs(cell) < 10**-digits:
            return f"{cell:.2g}"
        return f"{cell:.{digits}f}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)


def _shown_row(table: Table, row: tuple[Cell, ...]) -> tuple[str, ...]:
    return tuple(shown(cell, table.digits) for cell in row)


def _numeric(table: Table) -> list[bool]:
    """Return for each column whether all its values are numbers."""
    numeric = []
    for column in range(len(table.columns)):
        cells = [row[column] for row in table.rows if row[column] is not None]
        numeric.append(bool(cells) and not any(isinstance(cell, str) for cell in cells))
    return numeric


def _cell_text(cell: str) -> str:
    return printable(cell).replace("\\", "\\\\").replace("|", "\\|")
