"""Lists of IJB-B and IJB-C: media of templates, template pairs, landmarks, galleries and probes.

The layouts are those of the release that InsightFace distributes (``IJBB/meta``, ``IJBC/meta``).
Galleries and probes are the CSV files of the protocol. Template ids are numbers below 2^31.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Landmarks
from vidsearch.errors import ConfigError
from vidsearch.evaluation.protocols.lines import (
    Kind,
    line_of_row,
    malformed,
    read_table,
)
from vidsearch.text.decode import read_csv_table
from vidsearch.text.printable import printable

Ids = NDArray[np.int32]

_POINTS = tuple(f"{axis}{number}" for number in range(1, 6) for axis in "xy")


@dataclass(frozen=True, slots=True, eq=False)
class MediaList:
    """Content of ``*_face_tid_mid.txt``: lines ``image template medium``.

    Attributes:
        images: (N,) names.
        templates: (N,) template of each image.
        media: (N,) medium of each image: a still image, or a video whose frames are averaged.
    """

    images: NDArray[np.object_] = field(repr=False)
    templates: Ids
    media: Ids


@dataclass(frozen=True, slots=True, eq=False)
class TemplatePairs:
    """Content of ``*_template_pair_label.txt``: lines ``template template 0 or 1``.

    Attributes:
        first: (N,) template ids.
        second: (N,) template ids.
        issame: (N,) True for genuine pairs.
    """

    first: Ids
    second: Ids
    issame: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FaceList:
    """Content of ``*_name_5pts_score.txt``: lines ``image x1 y1 ... x5 y5 score``.

    Attributes:
        images: (N,) names.
        landmarks: (N, 5, 2) pixels of the image.
        scores: (N,) detection scores.
    """

    images: NDArray[np.object_] = field(repr=False)
    landmarks: Landmarks
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Subjects:
    """Templates of a gallery or of the probes, with their subjects.

    Attributes:
        name: File name without its ending.
        templates: (T,) distinct template ids, in the order of the file.
        subjects: (T,) subject of each template.
    """

    name: str
    templates: Ids
    subjects: NDArray[np.int64]


def read_media(path: Path) -> MediaList:
    """Read the template and the medium of each image.

    Raises:
        ConfigError: The file cannot be read, or a line is not ``image template medium``.
    """
    table = read_table(
        path,
        {"image": "str", "template": "int32", "medium": "int32"},
        "'image template medium', ids being numbers",
    )
    return MediaList(table["image"], table["template"], table["medium"])


def read_template_pairs(path: Path, templates: Ids) -> TemplatePairs:
    """Read the template pairs to compare.

    Args:
        path: The file.
        templates: (T,) template ids of the media list.

    Raises:
        ConfigError: The file cannot be read, a line is not ``template template 0 or 1``, a template
            is not in the media list, or there is no genuine or no impostor pair.
    """
    expected = "'template template 0 or 1'"
    table = read_table(path, {"first": "int32", "second": "int32", "issame": "int8"}, expected)
    labels = table["issame"]
    _check(path, (labels != 0) & (labels != 1), expected)
    for side in ("first", "second"):
        _check(path, ~np.isin(table[side], templates), "templates of the media list")
    genuine = int(labels.sum())
    if not 0 < genuine < len(labels):
        raise ConfigError(
            f"{printable(str(path))} must hold pairs of both kinds; got {genuine} genuine and "
            f"{len(labels) - genuine} impostor"
        )
    return TemplatePairs(table["first"], table["second"], labels.astype(bool))


def read_faces(path: Path, images: NDArray[np.object_]) -> FaceList:
    """Read landmarks and detection scores; line i describes the image of line i in the media list.

    Args:
        path: The file.
        images: (N,) image names of the media list.

    Raises:
        ConfigError: The file cannot be read, a line is malformed, a number is not finite, all five
            points coincide, a score is negative, or the images differ from the media list.
    """
    expected = "'image x1 y1 x2 y2 x3 y3 x4 y4 x5 y5 score', five different points"
    columns: dict[str, Kind] = {"image": "str"}
    columns |= dict.fromkeys((*_POINTS, "score"), "float64")
    table = read_table(path, columns, expected)
    points = np.stack([table[name] for name in _POINTS], axis=1)
    scores = table["score"]
    spread = np.ptp(points.reshape(-1, 5, 2), axis=1).max(axis=1)  # not finite if a point is not
    _check(path, ~np.isfinite(spread) | (spread < 0.01) | ~np.isfinite(scores), expected)
    _check(path, scores < 0, "a detection score that is not negative")
    if len(scores) != len(images):
        raise ConfigError(
            f"{printable(str(path))} must have the {len(images)} lines of the media list; got "
            f"{len(scores)}"
        )
    other = np.flatnonzero(table["image"] != images)
    if len(other):
        row = int(other[0])
        malformed(path, *line_of_row(path, row), f"image {images[row]!r}, as in the media list")
    return FaceList(table["image"], points.reshape(-1, 5, 2).astype(np.float32), scores)


def read_subjects(path: Path, templates: Ids) -> Subjects:
    """Read a gallery or the probes: a CSV file with the columns TEMPLATE_ID and SUBJECT_ID.

    Other columns are ignored. A template may have several lines, one per image.

    Args:
        path: The file.
        templates: (T,) template ids of the media list.

    Raises:
        ConfigError: The file cannot be read, a column is missing, a line is malformed, a template
            has two subjects, or a template is not in the media list.
    """
    numbers = set(templates.tolist())
    subject_of_template: dict[int, int] = {}
    columns: tuple[int, int] | None = None
    for number, cells in read_csv_table(path).rows:
        fields = [cell.strip() for cell in cells]
        line = ",".join(cells)
        if columns is None:
            names = [text.upper() for text in fields]
            if not {"TEMPLATE_ID", "SUBJECT_ID"} <= set(names):
                malformed(path, number, line, "headings, among them TEMPLATE_ID and SUBJECT_ID")
            columns = names.index("TEMPLATE_ID"), names.index("SUBJECT_ID")
            continue
        if len(fields) <= max(columns) or not all(_is_id(fields[column]) for column in columns):
            malformed(path, number, line, "numbers under TEMPLATE_ID and SUBJECT_ID")
        template, subject = (int(fields[column]) for column in columns)
        if template not in numbers:
            malformed(path, number, line, "a template of the media list")
        if subject_of_template.setdefault(template, subject) != subject:
            malformed(
                path,
                number,
                line,
                f"subject {subject_of_template[template]}, as before, of its template",
            )
    if not subject_of_template:
        raise ConfigError(f"{printable(str(path))} names no template; check the path")
    return Subjects(
        path.stem,
        np.array(list(subject_of_template), np.int32),
        np.array(list(subject_of_template.values()), np.int64),
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _check(path: Path, wrong: Any, expected: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        malformed(path, *line_of_row(path, int(rows[0])), expected)
