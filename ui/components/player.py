"""HTML of the player: the film, its timeline, and beside it face and figures of one appearance.

Every appearance of the video has a panel, of which exactly one is visible: that of the appearance
at which the film stands. The script ``clickable.js`` keeps the panels and the film in step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidsearch.results.words import clock
from vidsearch.text.html import text


@dataclass(frozen=True, slots=True)
class Panel:
    """Face and figures of one appearance.

    Attributes:
        track_id: Track of the appearance.
        start_s: Start, seconds.
        end_s: End, seconds.
        best_s: Time of the best face, seconds.
        still_key: Key of the frame with the best face.
        facts: Lines of text.
    """

    track_id: str
    start_s: float
    end_s: float
    best_s: float
    still_key: str
    facts: tuple[str, ...]


def player(key: str, at_s: float, label: str) -> str:
    """Return a player of the video behind a key, started at a time in seconds."""
    return (
        f'<video class="player" controls playsinline preload="auto" src="/video/{text(key)}" '
        f'data-start="{at_s:.3f}" aria-label="{text(label)}"></video>'
        '<p class="player-error" role="alert" hidden>The browser cannot play this video.</p>'
    )


def empty_player() -> str:
    """Return the place of a film that is being prepared."""
    return f'<div class="player preparing" role="status">{PREPARING}</div>'


PREPARING = "Preparing the video ..."


def player_view(
    name: str, film: str, strip: str, panels: Sequence[Panel], visible: str, note: str = ""
) -> str:
    """Return the player with its timeline and the panels.

    Args:
        name: File name of the video.
        film: HTML of the film, from ``player`` or ``empty_player``.
        strip: HTML of the timeline; may be empty.
        panels: Panels of the video's appearances.
        visible: Track whose panel is visible.
        note: Text below the film.
    """
    headings = "".join(
        f'<h3 data-moment="{text(panel.track_id)}"{_hidden(panel, visible)}>'
        f"<bdi>{text(name)}</bdi> from {clock(panel.start_s)} to {clock(panel.end_s)}</h3>"
        for panel in panels
    )
    sides = "".join(_side(panel, visible) for panel in panels)
    below = f'<p class="quiet">{text(note)}</p>' if note else ""
    return (
        f'<div class="film-view" data-shown="{text(visible)}" data-preparing="{PREPARING}">'
        f'{headings}<div class="film-row"><div class="film">{film}{strip}{below}</div>'
        f'<div class="sides" aria-live="polite">{sides}'
        '<p class="outside" role="status" hidden>The film is outside this appearance.</p>'
        "</div></div></div>"
    )


def _side(panel: Panel, visible: str) -> str:
    facts = "<br>".join(map(text, panel.facts))
    return (
        f'<section data-moment="{text(panel.track_id)}" data-start="{panel.start_s:.3f}" '
        f'data-end="{panel.end_s:.3f}"{_hidden(panel, visible)}><figure>'
        f'<img src="/still/{text(panel.still_key)}" loading="lazy" alt="Best face at '
        f'{clock(panel.best_s)}"><figcaption class="quiet">Best face at {clock(panel.best_s)}'
        f'</figcaption></figure><p class="figures">{facts}</p></section>'
    )


def _hidden(panel: Panel, visible: str) -> str:
    return "" if panel.track_id == visible else " hidden"
