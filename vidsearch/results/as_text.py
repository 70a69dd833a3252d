"""A search result as text for a terminal."""

from __future__ import annotations

import textwrap

from vidsearch.datatypes import Hit
from vidsearch.results.result import QueryPhoto, SearchResult, VideoHits, by_video
from vidsearch.results.sentences import (
    coverage_sentence,
    false_hits_sentence,
    headline,
    warning_sentence,
)
from vidsearch.results.words import clock, confidence_number, confidence_word, counted
from vidsearch.text.printable import printable

_INDENT = "  "


def to_text(result: SearchResult, width: int = 100) -> str:
    """Return a table grouped by video, likely appearances first, then the coverage.

    Sentences are wrapped at ``width`` columns. Names are never shortened, so that they can be
    copied. Control characters in names are escaped.
    """
    width = max(width, 40)
    likely = result.likely
    weaker = result.weaker
    blocks = [_query(result.query, width), [_wrap(headline(result), width)]]
    blocks += [_video(group, width) for group in by_video(likely)]
    if weaker:
        blocks.append([f"{counted(len(weaker), 'weaker hit')} (probably other people):"])
        blocks += [_video(group, width) for group in by_video(weaker)]
    blocks.append([_wrap(coverage_sentence(result.coverage), width)])
    if result.false_hit_estimate is not None:
        blocks[-1].append(_wrap(false_hits_sentence(result.false_hit_estimate), width))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _query(photos: tuple[QueryPhoto, ...], width: int) -> list[str]:
    lines = []
    for photo in photos:
        several = f", of {photo.faces_in_photo} faces" if photo.faces_in_photo > 1 else ""
        lines.append(f"Query: {printable(photo.photo)} (face quality {photo.quality:.2f}{several})")
        lines += [
            _wrap(f"warning: {printable(warning_sentence(warning))}", width, indent=_INDENT)
            for warning in photo.warnings
        ]
    return lines


def _video(group: VideoHits, width: int) -> list[str]:
    return [printable(group.video), *(_row(hit, width) for hit in group.hits)]


def _row(hit: Hit, width: int) -> str:
    span = f"{clock(hit.span.start_s)} - {clock(hit.span.end_s)}"
    words = f"{confidence_word(hit.confidence):<14}  {confidence_number(hit.confidence):>6}"
    row = f"{_INDENT}{span:>21}  {words}"
    if width >= 72:  # narrow terminals get no rank and similarity
        row += f"  #{hit.rank:<4} similarity {hit.similarity:.3f}"
    if hit.person is not None:
        row += f"  {printable(hit.person)}"
    return row.rstrip()


def _wrap(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
