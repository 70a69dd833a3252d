"""HTML of reports and training runs, with every name escaped."""

from __future__ import annotations

from collections.abc import Sequence

from ui.components.markup import image_element
from vidsearch.evaluation.report import Headline, ImageRows, ReportImage
from vidsearch.text.html import text


def headlines(lines: Sequence[Headline]) -> str:
    """Return the main figures as cards."""
    cards = "".join(
        f"<div><dt>{text(line.label)}</dt><dd>{text(line.value)}</dd>"
        f'<dd class="note">{text(line.note)}</dd></div>'
        for line in lines
    )
    return f'<dl class="vs-headlines">{cards}</dl>'


def image_rows(block: ImageRows) -> str:
    """Return rows of small images, such as the worst queries with their hits."""
    rows = "".join(
        f'<section><h4><bdi>{text(row.title)}</bdi></h4><p class="note">{text(row.note)}</p>'
        f"<ul>{''.join(_captioned_image(item) for item in row.images)}</ul></section>"
        for row in block.rows
    )
    return f'<div class="vs-pictures"><p class="note">{text(block.caption)}</p>{rows}</div>'


_TONES = {"plain": "", "good": "Right: ", "bad": "Wrong: "}


def _captioned_image(item: ReportImage) -> str:
    image = image_element(item.jpeg, _TONES[item.tone] + item.label)
    return f'<li class="{item.tone}">{image}<p><bdi>{text(item.label)}</bdi></p></li>'
