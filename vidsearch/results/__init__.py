"""Search results: what they hold, and how they are shown as text, JSON, CSV and HTML."""

from __future__ import annotations

from vidsearch.results.as_csv import to_csv
from vidsearch.results.as_html import to_html
from vidsearch.results.as_json import to_json
from vidsearch.results.as_text import to_text
from vidsearch.results.result import QueryPhoto, Searched, SearchResult
from vidsearch.results.words import clock, confidence_number, confidence_word

__all__ = [
    "QueryPhoto",
    "SearchResult",
    "Searched",
    "clock",
    "confidence_number",
    "confidence_word",
    "to_csv",
    "to_html",
    "to_json",
    "to_text",
]
