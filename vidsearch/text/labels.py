"""Labels of choices: different choices never look alike."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping

from vidsearch.text.person_names import comparable
from vidsearch.text.printable import printable

_ID_CHARACTERS = 8
_SEPARATOR = re.compile(r"[/\\]" if os.name == "nt" else "/")


def distinct_labels(
    names: Mapping[str, str], details: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return a printable label for every id; equal names get a detail, or the start of the id.

    Names are equal if a reader takes them for the same name: see ``person_names.comparable``.

    Args:
        names: Name by id.
        details: Further text by id, such as the folder of a file; None: no details.

    Example:
        >>> distinct_labels({"17": "Eve", "42": "Eve", "7": "Bob"})
        {'17': 'Eve (17)', '42': 'Eve (42)', '7': 'Bob'}
    """
    labels = {key: printable(name) for key, name in names.items()}
    for distinction in (
        details,
        {key: key[:_ID_CHARACTERS] for key in names},
        {k: k for k in names},
    ):
        compared = {key: comparable(label) for key, label in labels.items()}
        counts = Counter(compared.values())
        if len(counts) == len(labels):
            break
        labels = {
            key: f"{label} ({printable(distinction[key])})"
            if distinction is not None and counts[compared[key]] > 1
            else label
            for key, label in labels.items()
        }
    return labels


def short_paths(paths: Mapping[str, str]) -> dict[str, str]:
    """Return the shortest ending of each path that no other path has, from the file name on.

    Equal paths stay equal.

    Args:
        paths: Path or URI by id.

    Example:
        >>> short_paths({"1": "/card1/a.mp4", "2": "/card2/a.mp4", "3": "/card2/b.mp4"})
        {'1': 'card1/a.mp4', '2': 'card2/a.mp4', '3': 'b.mp4'}
    """
    parts = {key: _SEPARATOR.split(path) for key, path in paths.items()}
    endings = {key: _ending(part, 1) for key, part in parts.items()}
    unsettled, depth = list(paths), 1
    while unsettled:
        counts = Counter(comparable(endings[key]) for key in unsettled)
        unsettled = [
            key
            for key in unsettled
            if counts[comparable(endings[key])] > 1 and depth < len(parts[key])
        ]
        depth += 1
        for key in unsettled:
            endings[key] = _ending(parts[key], depth)
    return endings


def _ending(parts: list[str], depth: int) -> str:
    return "/".join(parts[-depth:])
