"""Strict conversion of TOML: every error names field, rule and value on one line."""

from __future__ import annotations

import tomllib

import msgspec
import pytest

from vidsearch.errors import PackFormatError
from vidsearch.models.strict_toml import convert


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    scale: tuple[float, float]
    corners: tuple[tuple[float, float], tuple[float, float]]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    count: int
    inner: str | Inner
    items: list[dict[str, int]]
    note: str | None = None


GOOD = """
count = 3
inner = {scale = [1, 2.5], corners = [[0, 0], [1, 1]]}
items = [{a = 1}, {a = 2}]
"""


def test_whole_numbers_are_numbers_but_not_the_reverse() -> None:
    outer = convert(tomllib.loads(GOOD), Outer)
    assert isinstance(outer.inner, Inner)
    assert outer.inner.scale == (1.0, 2.5)
    assert outer.note is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("count = 3", "count = 3.0", "count must be a whole number; got 3.0"),
        ("count = 3", "count = true", "count must be a whole number; got True"),
        ("count = 3", "", "field count is missing; it must be a whole number"),
        ("count = 3", "count = 3\nnote = 1", "note must be a text; got 1"),
        ("count = 3", "count = 3\nsize = 1", "unknown field size"),
        ("scale = [1, 2.5]", "scale = [1]", "inner.scale must be a list of 2 numbers; got [1]"),
        ("scale = [1, 2.5]", "scale = [1, 'x']", "inner.scale[1] must be a number; got 'x'"),
        ("scale = [1, 2.5]", f"scale = [1, 1{'0' * 400}]", "inner.scale[1] is too large"),
        ("[1, 1]]", "[1]]", "inner.corners[1] must be a list of 2 numbers; got [1]"),
        ("[[0, 0], [1, 1]]", "1", "inner.corners must be a list of 2 points [x, y]; got 1"),
        ("scale = [1, 2.5], ", "", "field inner.scale is missing; it must be a list of 2 numbers"),
        ("items = [", "items = 7 # [", "items must be an array of tables; got 7"),
        ("inner = {", "inner = 7 # {", "inner must be a text or a table; got 7"),
    ],
)
def test_an_error_names_field_rule_and_value(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(PackFormatError) as caught:
        convert(tomllib.loads(GOOD.replace(old, new)), Outer)
    assert str(caught.value) == message


def test_a_long_value_is_cut() -> None:
    with pytest.raises(PackFormatError) as caught:
        convert({"count": "x" * 500}, Outer)
    assert len(str(caught.value)) < 100
