"""Labels of choices: different choices never look alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from vidsearch.text.printable import printable

_ID_CHARACTERS = 8


def distinct_labels(
    names: Mapping[str, str], details: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return a printable label for every id; equal names get a detail, or the start of the id.

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
        counts = Counter(labels.values())
        labels = {
            key: f"{label} ({printable(distinction[key])})"
            if distinction is not None and counts[label] > 1
            else label
            for key, label in labels.items()
        }
    return labels
