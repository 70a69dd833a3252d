"""Pieces of HTML for reports and runs, every name escaped."""

from __future__ import annotations

from collections.abc import Sequence

from ui.components.markup import picture
from vidsearch.evaluation.report import Headline, Picture, PictureRows
from vidsearch.text.html import text


def headlines(lines: Sequence[Headline]) -> str:
    """Return the few numbers that a reader came for."""
    cards = "".join(
        f"<div><dt>{text(line.label)}</dt><dd>{text(line.value)}</dd>"
        f'<dd class="note">{text(line.note)}</dd></div>'
        for line in lines
    )
    return f'<dl class="vs-headlines">{cards}</dl>'


def picture_rows(block: PictureRows) -> str:
    """Return rows of small pictures, such as the worst queries and what came up."""
    rows = "".join(
        f'<section><h4><bdi>{text(row.title)}</bdi></h4><p class="note">{text(row.note)}</p>'
        f"<ul>{''.join(_small(one) for one in row.pictures)}</ul></section>"
        for row in block.rows
    )
    return f'<div class="vs-pictures"><p class="note">{text(block.caption)}</p>{rows}</div>'


_TONES = {"plain": "", "good": "Right: ", "bad": "Wrong: "}


def _small(one: Picture) -> str:
    shown = picture(one.jpeg, _TONES[one.tone] + one.label)
    return f'<li class="{one.tone}">{shown}<p><bdi>{text(one.label)}</bdi></p></li>'
