"""Timeline of a video: one button per appearance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidsearch.datatypes import Hit
from vidsearch.results.words import clock, confidence_class, confidence_word, counted
from vidsearch.text.html import text


@dataclass(frozen=True, slots=True)
class Bar:
    """One appearance on a timeline.

    Attributes:
        track_id: Track that the button plays.
        start_s: Start, seconds.
        end_s: End, seconds.
        description: Description for screen readers.
        css: Class of the colour.
        weight: Of two overlapping bars, the bar with the larger weight is on top.
    """

    track_id: str
    start_s: float
    end_s: float
    description: str
    css: str
    weight: float = 0.0


def bars_of(hits: Sequence[Hit]) -> tuple[Bar, ...]:
    """Return the bars of the hits of one video."""
    return tuple(
        Bar(
            hit.track_id,
            hit.span.start_s,
            hit.span.end_s,
            confidence_word(hit.confidence),
            confidence_class(hit.confidence),
            hit.confidence,
        )
        for hit in hits
    )


def timeline(
    bars: Sequence[Bar], duration_s: float | None, act: str, name: str = "", playing: str = ""
) -> str:
    """Return the timeline of one video: a button per bar, placed and sized by its time span.

    Buttons are ordered by time; the arrow keys move between them.

    Args:
        bars: Bars of one video.
        duration_s: Length of the video, seconds; None gives no timeline.
        act: Action of the buttons: ``play``, ``seek`` or ``open``.
        name: File name of the video, for screen readers.
        playing: Id of the track being played.
    """
    if not duration_s or duration_s <= 0 or not bars:
        return ""
    length = max(duration_s, *(bar.end_s for bar in bars))
    bars_by_weight = sorted(bars, key=lambda bar: bar.weight)
    order = {bar.track_id: index for index, bar in enumerate(bars_by_weight)}
    buttons = []
    for bar in sorted(bars, key=lambda bar: (bar.start_s, bar.end_s)):
        left = 100 * min(max(bar.start_s / length, 0), 1)
        width = 100 * min(max((bar.end_s - bar.start_s) / length, 0), 1)
        label = f"Play from {clock(bar.start_s)}, {bar.description}, until {clock(bar.end_s)}"
        now = bar.track_id == playing
        buttons.append(
            f'<button type="button" class="bar {bar.css}{" now" if now else ""}" '
            f'data-act="{act}" data-track="{text(bar.track_id)}" data-at="{bar.start_s:.3f}" '
            f'style="left:min({left:.2f}%, calc(100% - 8px));width:max({width:.2f}%, 8px);'
            f'z-index:{1 + order[bar.track_id]}" '
            f'aria-label="{text(label)}" title="{text(label)}"'
            f"{' aria-current=true' if now else ''}></button>"
        )
    title = f"Timeline of {name}" if name else "Timeline"
    group = f"{title}, {counted(len(bars), 'appearance')}"
    return (
        f'<div class="strip" role="group" aria-label="{text(group)}" data-length="{length:.3f}">'
        f"{''.join(buttons)}</div>"
        f'<p class="ends" aria-hidden="true"><span>{clock(0)}</span>'
        f"<span>{clock(length)}</span></p>"
    )
