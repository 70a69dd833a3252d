"""A report as one self-contained page."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from vidsearch import __version__
from vidsearch.evaluation.report import tables
from vidsearch.evaluation.report.report import (
    Block,
    Figure,
    Headline,
    Picture,
    PictureRow,
    PictureRows,
    Report,
    Section,
    Table,
)
from vidsearch.text.html import document, text

_JPEG_MARK = b"\xff\xd8\xff"


def to_html(report: Report) -> str:
    """Return a complete HTML document, to be written as UTF-8; it needs no other file."""
    body = [_header(report), _headlines(report)]
    body += [_section(number, section) for number, section in enumerate(report.sections)]
    body.append(_provenance(report))
    return document(report.title, "\n".join(body), _style())


@cache
def _style() -> str:
    return (
        files("vidsearch.evaluation.report").joinpath("evaluation.css").read_text(encoding="utf-8")
    )


def _header(report: Report) -> str:
    return f"""<header>
<p class="brand">vidsearch <span>{text(report.kind)}</span></p>
<h1>{text(report.title)}</h1>
<p class="lead">{text(report.lead)}</p>
</header>"""


def _headlines(report: Report) -> str:
    cards = "\n".join(
        f'<li><p class="label">{text(line.label)}</p><p class="value">{text(line.value)}</p>'
        f'{_bar(line)}<p class="quiet">{text(line.note)}</p></li>'
        for line in report.headlines
    )
    return f'<ul class="headlines">\n{cards}\n</ul>' if cards else ""


def _bar(line: Headline) -> str:
    """Draw where a number in [0, 1] and its interval lie; the words beside it say the same."""
    if line.bar is None:
        return ""
    value, low, high = (100 * end for end in line.bar)
    return (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" width="100" height="6"/>'
        f'<rect class="range" x="{low:.2f}" width="{max(high - low, 0.6):.2f}" height="6"/>'
        f'<rect class="dot" x="{min(value, 99.2):.2f}" width="0.8" height="6"/></svg>'
    )


def _section(number: int, section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    lead = f'<p class="text">{text(section.text)}</p>' if section.text else ""
    return f"""<section aria-labelledby="s{number}">
<h2 id="s{number}">{text(section.title)}</h2>
{lead}
{blocks}
</section>"""


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return tables.to_html(block)
    if isinstance(block, Figure):
        return _figure(block)
    return _rows(block)


def _figure(figure: Figure) -> str:
    data = base64.b64encode(figure.svg.encode()).decode("ascii")
    return f"""<figure class="drawing">
<img src="data:image/svg+xml;base64,{data}" alt="{text(figure.caption)}">
<figcaption>{text(figure.caption)}</figcaption></figure>"""


def _rows(block: PictureRows) -> str:
    rows = "\n".join(_row(row) for row in block.rows)
    return f'<div class="pictures"><p class="caption">{text(block.caption)}</p>\n{rows}\n</div>'


def _row(row: PictureRow) -> str:
    pictures = "\n".join(_picture(picture) for picture in row.pictures)
    return f"""<article><h3><bdi>{text(row.title)}</bdi></h3><p class="quiet">{text(row.note)}</p>
<ul>
{pictures}
</ul></article>"""


def _picture(picture: Picture) -> str:
    label = text(picture.label)
    if picture.jpeg is None or not picture.jpeg.startswith(_JPEG_MARK):
        shown = '<div class="none"><span>no picture</span></div>'
    else:
        data = base64.b64encode(picture.jpeg).decode("ascii")
        shown = f'<img src="data:image/jpeg;base64,{data}" alt="{label}">'
    return f'<li class="{picture.tone}">{shown}<p><bdi>{label}</bdi></p></li>'


def _provenance(report: Report) -> str:
    origin = report.provenance
    rows: list[tuple[str, Any]] = [("vidsearch", __version__)]
    if origin.model_id:
        rows.append(("model", origin.model_id))
    if origin.elapsed_s is not None:
        rows.append(("time", f"{origin.elapsed_s:.1f} s"))
    listed = "".join(f"<li>{text(line)}</li>" for line in report.conventions)
    return f"""<section class="origin" aria-labelledby="origin">
<h2 id="origin">Where these figures come from</h2>
<p class="caption">Conventions</p>
<ul class="conventions">{listed}</ul>
{_pairs("Software", dict(rows))}
{_pairs("Configuration", origin.configuration)}
{_pairs("Data, sha256", origin.data)}
{_pairs("Model files, sha256", origin.pack_files)}
</section>"""


def _pairs(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    rows = "".join(
        f"<tr><th scope='row'>{text(str(key))}</th><td>{text(_plain(value))}</td></tr>"
        for key, value in values.items()
    )
    return f'<p class="caption">{text(title)}</p><div class="scroll"><table>{rows}</table></div>'


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
