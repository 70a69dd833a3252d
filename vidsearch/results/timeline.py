"""Timeline of the hits in one video, as inline SVG."""

from __future__ import annotations

import math
from html import escape

from vidsearch.results.result import VideoHits
from vidsearch.results.sentences import count_of_hits
from vidsearch.results.words import clock, confidence_class, confidence_word

WIDTH, HEIGHT = 1000, 20
LEAST_WIDTH = 5
"""Width of the narrowest bar: one second of a two-hour video must stay visible."""


def timeline_svg(group: VideoHits, duration_s: float | None) -> str:
    """Return the timeline of one video; empty text if its length is not known.

    Each bar is a hit, placed by its time and coloured by its confidence. The label of the timeline
    states the number of hits and their range of time.
    """
    if duration_s is None or not math.isfinite(duration_s) or duration_s <= 0:
        return ""
    # A stream may be longer than its container states.
    last = max(hit.span.end_s for hit in group.hits)
    length = max(duration_s, last)
    bars = []
    for hit in sorted(group.hits, key=lambda hit: hit.confidence):  # best last, on top
        left = min(max(hit.span.start_s / length, 0.0), 1.0) * WIDTH
        right = min(max(hit.span.end_s / length, 0.0), 1.0) * WIDTH
        width = max(right - left, LEAST_WIDTH)
        left = min(left, WIDTH - width)
        label = (
            f"{clock(hit.span.start_s)} to {clock(hit.span.end_s)}, "
            f"{confidence_word(hit.confidence)}"
        )
        bars.append(
            f'<rect class="{confidence_class(hit.confidence)}" x="{left:.1f}" y="0" '
            f'width="{width:.1f}" height="{HEIGHT}"><title>{escape(label)}</title></rect>'
        )
    words = (
        f"{count_of_hits(group)} between {clock(group.hits[0].span.start_s)} "
        f"and {clock(last)} "
        f"of {clock(length)}"
    )
    return (
        f'<div class="timeline"><svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="Timeline: {escape(words)}">{"".join(bars)}</svg>'
        f"<p><span>{clock(0)}</span><span>{clock(length)}</span></p></div>"
    )
