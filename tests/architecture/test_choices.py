"""Choices are made by id: only ``ui/components/choices.py`` calls Streamlit's choice widgets."""

from __future__ import annotations

import ast
from pathlib import Path

UI = Path(__file__).resolve().parents[2] / "ui"
OWNER = UI / "components" / "choices.py"
CHOICES = {
    "data_editor",
    "feedback",
    "menu_button",
    "multiselect",
    "pills",
    "radio",
    "segmented_control",
    "select_slider",
    "selectbox",
}


def calls(source: str) -> set[str]:
    """Return the names of the choice widgets, and of ``format_func``, that a module uses."""
    tree = ast.parse(source)
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & CHOICES
    keywords = {str(node.arg) for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    selecting = keywords & {"format_func", "selection_mode"}
    return used | selecting


def test_no_page_calls_a_choice_widget_itself() -> None:
    found = {path: calls(path.read_text(encoding="utf-8")) for path in sorted(UI.rglob("*.py"))}
    assert found.pop(OWNER) == {"selectbox", "multiselect", "format_func"}
    assert {str(path): names for path, names in found.items() if names} == {}


def test_a_raw_widget_is_noticed() -> None:
    assert calls("import streamlit as st\nst.pills('a', x, format_func=str)") == {
        "pills",
        "format_func",
    }
