"""Structure of a report as ``outline.json``, for other front ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vidsearch.errors import ConfigError
from vidsearch.evaluation.report.report import (
    Block,
    Figure,
    Headline,
    ImageRow,
    ImageRows,
    Report,
    ReportImage,
    ReportTable,
    Section,
)
from vidsearch.text.json_text import valid_json
from vidsearch.text.parse import read_json

OUTLINE = "outline.json"
IMAGE_FOLDER = "pictures"
_JPEG_MARK = b"\xff\xd8\xff"


def write_outline(folder: Path, report: Report) -> None:
    """Write ``outline.json`` and, if the report has photos, ``pictures/``."""
    jpegs: list[bytes] = []
    outline = {
        "lead": report.lead,
        "headlines": [
            {"label": line.label, "value": line.value, "note": line.note}
            for line in report.headlines
        ],
        "sections": [
            {
                "title": section.title,
                "text": section.text,
                "blocks": [_block(block, jpegs) for block in section.blocks],
            }
            for section in report.sections
        ],
    }
    text = json.dumps(valid_json(outline), indent=1, ensure_ascii=False, default=_python_number)
    (folder / OUTLINE).write_text(text + "\n", encoding="utf-8")
    if jpegs:
        (folder / IMAGE_FOLDER).mkdir()
    for number, jpeg in enumerate(jpegs, start=1):
        (folder / IMAGE_FOLDER / f"{number:04d}.jpg").write_bytes(jpeg)


def _block(block: Block, jpegs: list[bytes]) -> dict[str, Any]:
    if isinstance(block, ReportTable):
        return {
            "kind": "table",
            "name": block.name,
            "caption": block.caption,
            "digits": block.digits,
            "columns": list(block.columns),
            "rows": [list(row) for row in block.rows],
        }
    if isinstance(block, Figure):
        return {"kind": "figure", "name": block.name, "caption": block.caption}
    rows = [
        {
            "title": row.title,
            "note": row.note,
            "pictures": [_image_entry(image, jpegs) for image in row.images],
        }
        for row in block.rows
    ]
    return {"kind": "pictures", "caption": block.caption, "rows": rows}


def _image_entry(image: ReportImage, jpegs: list[bytes]) -> dict[str, Any]:
    number = None
    if image.jpeg is not None and image.jpeg.startswith(_JPEG_MARK):
        jpegs.append(image.jpeg)
        number = len(jpegs)
    return {"number": number, "label": image.label, "tone": image.tone}


def _python_number(value: Any) -> Any:
    return value.item()  # a NumPy scalar


def read_outline(
    folder: Path,
) -> tuple[str, tuple[Headline, ...], tuple[Section, ...]] | None:
    """Return lead, headlines and sections; None if the report has no ``outline.json``.

    Raises:
        ConfigError: ``outline.json`` is damaged.
    """
    try:
        outline = read_json((folder / OUTLINE).read_text(encoding="utf-8"))
        headlines = tuple(Headline(**line) for line in outline["headlines"])
        sections = tuple(
            Section(
                section["title"],
                section["text"],
                tuple(_read_block(block, folder) for block in section["blocks"]),
            )
            for section in outline["sections"]
        )
        return str(outline["lead"]), headlines, sections
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder / OUTLINE} is damaged ({error!r}); evaluate again") from error


def _read_block(block: dict[str, Any], folder: Path) -> Block:
    if block["kind"] == "table":
        return ReportTable(
            block["name"],
            block["caption"],
            tuple(block["columns"]),
            tuple(tuple(row) for row in block["rows"]),
            block["digits"],
        )
    if block["kind"] == "figure":
        # ``Figure`` checks that the name is a plain file stem, before any file is opened.
        empty = Figure(block["name"], block["caption"], "")
        svg = _read_if_exists(folder / "figures" / f"{empty.name}.svg")
        return Figure(empty.name, empty.caption, (svg or b"").decode("utf-8", "replace"))
    return ImageRows(
        block["caption"],
        tuple(
            ImageRow(
                row["title"],
                row["note"],
                tuple(
                    ReportImage(_jpeg(image["number"], folder), image["label"], image["tone"])
                    for image in row["pictures"]
                ),
            )
            for row in block["rows"]
        ),
    )


def _jpeg(number: int | None, folder: Path) -> bytes | None:
    return (
        _read_if_exists(folder / IMAGE_FOLDER / f"{int(number):04d}.jpg")
        if number is not None
        else None
    )


def _read_if_exists(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
