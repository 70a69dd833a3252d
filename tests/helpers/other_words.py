"""Replaces every sentence about a search result by other words."""

from __future__ import annotations

from functools import partial

import pytest

from vidsearch.photo.query_warning import WarningCode
from vidsearch.results import sentences, words
from vidsearch.results.sentences import Fields


def replace_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the sentence tables until the test ends; each entry becomes its own key."""
    for code in sentences.WARNING_SENTENCES:
        monkeypatch.setitem(sentences.WARNING_SENTENCES, code, partial(_code, code))
    for key in sentences.COVERAGE_SENTENCES:
        monkeypatch.setitem(sentences.COVERAGE_SENTENCES, key, f"[{key}]")
    for level in words.CONFIDENCE_WORDS:
        monkeypatch.setitem(words.CONFIDENCE_WORDS, level, f"[{level}]")


def _code(code: WarningCode, _fields: Fields) -> str:
    return f"[{code}]"
