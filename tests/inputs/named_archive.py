"""Films of every name in a catalog, and checks of names in outputs."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidsearch.results.result import SearchResult
from vidsearch.text.names import path_of_url

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Named:
    """Films of every name in a catalog, and a photo of the person in all of them.

    Attributes:
        films: Paths of the films.
        photo: Path of the photo; its name is not UTF-8.
        catalog: Folder of the catalog.
        result: Result of a search with the photo.
    """

    films: list[Path]
    photo: Path
    catalog: Path
    result: SearchResult

    @property
    def paths(self) -> set[str]:
        return set(map(str, self.films))


def strict_json(text: str) -> Any:
    """Return a JSON document; a lone surrogate or a number that is not finite is an error."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(text, parse_constant=refuse)
    json.dumps(document, ensure_ascii=False).encode()
    return document


def opened(name: str) -> str:
    """Return the path that a name of an output stands for; the file exists."""
    path = path_of_url(name) if name.startswith("file://") else name
    assert Path(path).is_file()
    return path


def only_plain_lines(text: str) -> None:
    """Fail on control characters, direction marks and other breaks of a line."""
    for line in text.split("\n"):
        assert len(line.splitlines()) <= 1
        assert not [c for c in line if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")], line
        assert not set(line) & set("\u202e\u200b\ufeff")
