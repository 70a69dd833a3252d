"""Printed JSON: every reader accepts it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from vidsearch.text.json_text import json_text

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(ANY)
def test_every_value_is_strict_json(value: object) -> None:
    text = json_text(value)
    assert text.isascii()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    again = json.dumps(json.loads(text, parse_constant=refuse), ensure_ascii=False)
    again.encode()  # no lone surrogate


def test_valid_values_are_unchanged() -> None:
    value = {"name": "é \n 😀", "list": [1, 2.5, None, True], "nested": {"a": ["b"]}}
    assert json.loads(json_text(value, indent=2)) == value
