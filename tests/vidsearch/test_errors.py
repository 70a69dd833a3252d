"""Error tree: drawn as it is, sent between processes, and turned into exit statuses."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator

import pytest

from vidsearch import errors
from vidsearch.errors import ConfigError, NoFaceError, ShapeError, VidsearchError, reason


def all_errors(base: type[VidsearchError] = VidsearchError) -> Iterator[type[VidsearchError]]:
    """Yield the base class and all classes below it, of this module."""
    yield base
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from all_errors(child)


def drawn_parents() -> dict[str, str]:
    """Return the parent of each class in the drawing at the top of the module."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in str(errors.__doc__).splitlines():
        found = re.match(r"([│├└─ ]*)(\w+(?:Error))\b", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        above[depth:] = [found[2]]
        if depth:
            parents[found[2]] = above[depth - 1]
    return parents


def test_the_drawing_shows_the_tree() -> None:
    actual = {
        error.__name__: error.__bases__[0].__name__
        for error in all_errors()
        if error is not VidsearchError
    }
    assert drawn_parents() == actual


@pytest.mark.parametrize("kind", list(all_errors()), ids=lambda kind: kind.__name__)
def test_an_error_of_a_worker_arrives_whole(kind: type[VidsearchError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("input, rule, value, remedy")))
    assert type(copy) is kind
    assert str(copy) == "input, rule, value, remedy"
    assert 0 < kind.exit_status < 126, "statuses from 126 on belong to the shell"


def test_a_script_can_tell_a_photo_without_a_face_from_other_errors() -> None:
    assert NoFaceError.exit_status == 4
    assert {kind.exit_status for kind in all_errors() if kind is not NoFaceError} == {2}


@pytest.mark.parametrize("kind", [ConfigError, ShapeError])
def test_wrong_values_are_value_errors(kind: type[VidsearchError]) -> None:
    assert issubclass(kind, ValueError)


def test_an_error_is_never_without_words() -> None:
    assert reason(OSError("  disk full\n")) == "disk full"
    assert reason(TimeoutError(" ")).startswith("TimeoutError ")
