"""A search result as one self-contained page: no script, no request, nothing outside the file."""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from vidsearch.results.result import SearchResult, VideoHits, by_video
from vidsearch.results.sentences import (
    count_of_hits,
    coverage_sentence,
    false_hits_sentence,
    headline,
    warning_sentence,
)
from vidsearch.results.timeline import timeline_svg
from vidsearch.results.words import (
    clock,
    confidence_class,
    confidence_number,
    confidence_word,
    counted,
)
from vidsearch.text.html import document
from vidsearch.text.templates import render

_JPEG_SIGNATURE = b"\xff\xd8\xff"


def to_html(result: SearchResult) -> str:
    """Return a complete HTML document, to be written as UTF-8.

    Images are embedded, so the page is complete when mailed or archived. Its content security
    policy forbids scripts and requests, in case an error in escaping lets markup through.
    """
    estimate = result.false_hit_estimate
    body = render(
        "vidsearch.results",
        "report.html",
        result=result,
        likely=by_video(result.likely),
        weaker=by_video(result.weaker),
        headline=headline(result),
        coverage=coverage_sentence(result.coverage),
        false_hits=false_hits_sentence(estimate) if estimate is not None else "",
        weaker_count=counted(len(result.weaker), "weaker hit"),
        timeline=_timeline,
        base64_jpeg=_base64_jpeg,
        count_of_hits=count_of_hits,
        clock=clock,
        confidence_class=confidence_class,
        confidence_number=confidence_number,
        confidence_word=confidence_word,
        warning_sentence=warning_sentence,
    )
    return document(headline(result), body, _style())


@cache
def _style() -> str:
    return files("vidsearch.results").joinpath("report.css").read_text(encoding="utf-8")


def _timeline(group: VideoHits, duration_s: float | None) -> Markup:
    return Markup(timeline_svg(group, duration_s))  # noqa: S704 - escaped by timeline_svg


def _base64_jpeg(content: bytes | None) -> str:
    """Return a JPEG for a ``data:`` address; empty text if it is missing or not a JPEG."""
    if content is None or not content.startswith(_JPEG_SIGNATURE):
        return ""
    return base64.b64encode(content).decode("ascii")
