"""HTML of the pages: pure functions from results to text, with every name escaped."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ui.components.timeline import Bar, bars_of, timeline
from ui.service.people.portraits import Portrait
from vidsearch.datatypes import Hit
from vidsearch.results.result import SearchResult, VideoHits, by_video
from vidsearch.results.sentences import count_of_hits
from vidsearch.results.words import (
    clock,
    confidence_class,
    confidence_number,
    confidence_word,
    counted,
)
from vidsearch.search.people_clusters import TrackCard
from vidsearch.search.query import QueryFace
from vidsearch.text.html import text
from vidsearch.text.printable import printable

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])")
# Streamlit replaces these in plain text, escaped or not: addresses become links, ":smile:" an
# emoji, ":material/face:" an icon, "->" an arrow. An invisible word joiner between prevents it.
_REPLACED = re.compile(r"(?i):(?=/|[\w+-]+[:/])|(?<=[<>=~-])(?=[<>=~-])|www(?=\.)|(?=@)")
_WORD_JOINER = "\u2060"


def markdown(text: str) -> str:
    r"""Return text as one line of Streamlit's Markdown: no markup, link, icon or emoji.

    Example:
        >>> markdown("<b>[x](y)</b>")
        '\\<b\\>\\[x\\]\\(y\\)\\</b\\>'
    """
    plain = _REPLACED.sub(lambda found: found[0] + _WORD_JOINER, printable(text))
    escaped = _MARKDOWN.sub(r"\\\1", plain)
    inner = escaped.strip(" ")
    left = len(escaped) - len(escaped.lstrip(" "))
    right = len(escaped) - left - len(inner)
    return "&#32;" * left + inner + "&#32;" * right  # spaces at the ends would end bold type


def image_element(jpeg: bytes | None, alt: str, css: str = "face") -> str:
    """Return an ``img`` element with an embedded JPEG, or a placeholder without one."""
    if jpeg is None or not jpeg.startswith(b"\xff\xd8\xff"):
        return f'<div class="{css} none" role="img" aria-label="{text(alt)}">no image</div>'
    data = base64.b64encode(jpeg).decode("ascii")
    return f'<img class="{css}" src="data:image/jpeg;base64,{data}" alt="{text(alt)}">'


@dataclass(frozen=True, slots=True)
class Marks:
    """Verdicts on hits, and whom further verdicts go to.

    Attributes:
        confirmed: Ids of tracks that show the person.
        rejected: Ids of tracks that do not.
        target: Person whom a verdict goes to; None while that is asked.
        owners: Name of the person to whom each track belongs.
    """

    confirmed: Collection[str] = ()
    rejected: Collection[str] = ()
    target: Portrait | None = None
    owners: Mapping[str, str] = field(default_factory=dict)

    def verdict(self, track_id: str) -> bool | None:
        """Return the verdict on a track; None if there is none."""
        if track_id in self.confirmed:
            return True
        return False if track_id in self.rejected else None


def photo_with_faces(
    jpeg: bytes, size_wh: tuple[int, int], faces: Sequence[QueryFace], chosen: int, number: int
) -> str:
    """Return a photo on which every face is a button; the button of the chosen face is pressed.

    Args:
        jpeg: The photo.
        size_wh: Width and height to which the boxes refer, pixels.
        faces: Faces of the photo, largest first.
        chosen: Index of the face to search for.
        number: Index of the photo; its buttons report it.
    """
    width, height = size_wh
    buttons = []
    for index, face in enumerate(faces):
        left, top, right, bottom = (float(side) for side in face.box_xyxy)
        position = (
            f"left:{100 * left / width:.2f}%;top:{100 * top / height:.2f}%;"
            f"width:{100 * (right - left) / width:.2f}%;height:{100 * (bottom - top) / height:.2f}%"
        )
        pressed = "true" if index == chosen else "false"
        label = f"Face {index + 1} of {len(faces)}" + (", searched for" if index == chosen else "")
        buttons.append(
            f'<button type="button" class="box" data-act="face" data-photo="{number}" '
            f'data-face="{index}" aria-pressed="{pressed}" aria-label="{label}" title="{label}" '
            f'style="{position}"><span>{index + 1}</span></button>'
        )
    image = image_element(jpeg, "Your photo", "photo")
    return f'<div class="photo-frame">{image}{"".join(buttons)}</div>'


def results(result: SearchResult, marks: Marks) -> str:
    """Return all hits grouped by video, likely hits first."""
    likely, weaker = by_video(result.likely), by_video(result.weaker)
    parts = [_video_article(group, result, marks) for group in likely]
    if weaker:
        heading = counted(len(result.weaker), "weaker hit")
        inside = "".join(_video_article(group, result, marks) for group in weaker)
        parts.append(
            f"<details{'' if likely else ' open'}><summary>{heading} "
            f'<span class="quiet">probably other people</span></summary>{inside}</details>'
        )
    return "".join(parts)


def hit_list(hits: Sequence[Hit], result: SearchResult, marks: Marks) -> str:
    """Return hits as cards, without a frame per video."""
    cards = "".join(_hit_card(hit, result.thumbnails.get(hit.track_id), marks) for hit in hits)
    return f'<ol class="cards">{cards}</ol>'


def _video_article(group: VideoHits, result: SearchResult, marks: Marks) -> str:
    duration_s = result.durations_s.get(group.video_id)
    length = f" &middot; {clock(duration_s)} of video" if duration_s is not None else ""
    folder, slash, file = group.video.rpartition("/")
    return (
        f'<article aria-label="{text(file)}"><header><h3><bdi>{text(file)}</bdi></h3>'
        f'<p class="quiet">{count_of_hits(group)}{length}<br><bdi>{text(folder + slash)}</bdi></p>'
        f"</header>{timeline(bars_of(group.hits), duration_s, 'play', file)}"
        f"{hit_list(group.hits, result, marks)}</article>"
    )


def badge(confidence: float) -> str:
    """Return the word and the number of a confidence."""
    return (
        f'<span class="badge {confidence_class(confidence)}">{confidence_word(confidence)}</span>'
        f' <span class="number">{text(confidence_number(confidence))}</span>'
    )


def _hit_card(hit: Hit, jpeg: bytes | None, marks: Marks) -> str:
    start, end = clock(hit.span.start_s), clock(hit.span.end_s)
    track = f'data-track="{text(hit.track_id)}"'
    owner = marks.owners.get(hit.track_id, hit.person)
    person = f'<p class="person"><bdi>{text(owner)}</bdi></p>' if owner is not None else ""
    state = {True: " confirmed", False: " rejected", None: ""}[marks.verdict(hit.track_id)]
    face = image_element(jpeg, f"Face at {clock(hit.best_s)}")
    return (
        f'<li class="card{state}">'
        f'<button type="button" class="play" data-act="play" {track} '
        f'aria-label="Play from {start}">{face}<span class="triangle" aria-hidden="true"></span>'
        f'</button><div class="facts"><p class="span">{start} &ndash; {end}</p>{person}'
        f"<p>{badge(hit.confidence)}</p>{_verdict_buttons(hit.track_id, marks)}</div></li>"
    )


def _verdict_buttons(track_id: str, marks: Marks) -> str:
    """Return the buttons of a hit, with face and name of the person whom a verdict goes to."""
    track = f'data-track="{text(track_id)}"'
    verdict = marks.verdict(track_id)
    if marks.target is None:
        about = '<p class="target">First answer the question above.</p>'
        off, same, different = " disabled", "Same", "Not"
    else:
        name = text(marks.target.name)
        about = (
            f'<p class="target"><span class="target-face" aria-hidden="true"></span>'
            f"<span>Is this <strong><bdi>{name}</bdi></strong>?</span></p>"
        )
        off, same, different = "", f"Same: this is {name}", f"Not: this is not {name}"
    return (
        f'{about}<div class="acts">'
        f'<button type="button" data-act="same" {track}{off} '
        f'aria-pressed="{_aria_boolean(verdict is True)}" aria-label="{same}" '
        f'title="This is the person">&#10003; Same</button>'
        f'<button type="button" data-act="not" {track}{off} '
        f'aria-pressed="{_aria_boolean(verdict is False)}" aria-label="{different}" '
        f'title="This is another person">&#10005; Not</button>'
        f'<button type="button" data-act="more" {track} title="Search with this face">More like '
        "this</button></div>"
    )


def target_face(jpeg: bytes | None) -> str:
    """Return the style of the small face beside the verdict buttons: one picture for all hits."""
    if jpeg is None or not jpeg.startswith(b"\xff\xd8\xff"):
        return "<style>.target-face { display: none; }</style>"
    image = f"url(data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')})"
    return f"<style>.target-face {{ background-image: {image}; }}</style>"


def person_card(person: Portrait) -> str:
    """Return face, name and note of a person."""
    face = image_element(person.jpeg, f"Face of {person.name}")
    return (
        f'<div class="vs-who">{face}<p><strong><bdi>{text(person.name)}</bdi></strong><br>'
        f"<span>{text(person.note)}</span></p></div>"
    )


def face_row(jpegs: Iterable[bytes], alt: str) -> str:
    """Return faces in a row.

    Args:
        jpegs: Faces.
        alt: Description of each.
    """
    return f'<div class="vs-who">{"".join(image_element(jpeg, alt) for jpeg in jpegs)}</div>'


def bars_of_cards(cards: Sequence[TrackCard]) -> tuple[Bar, ...]:
    """Return the timeline bars of a person's appearances in one video."""
    return tuple(
        Bar(card.track_id, card.span.start_s, card.span.end_s, "confirmed", "almost-certain")
        for card in cards
    )


def appearances(cards: Sequence[TrackCard], durations_s: Mapping[str, float | None]) -> str:
    """Return the appearances of a person by video: a timeline and one face each."""
    groups: dict[str, list[TrackCard]] = {}
    for card in cards:
        groups.setdefault(card.video_id, []).append(card)
    parts = []
    for video_id, group in groups.items():
        folder, slash, file = group[0].video.rpartition("/")
        faces = "".join(
            f'<li><button type="button" class="play" data-act="play" '
            f'data-track="{text(card.track_id)}" aria-label="Play from '
            f'{clock(card.span.start_s)}">'
            f"{image_element(card.jpeg, f'Face at {clock(card.best_s)}')}"
            f'<span class="triangle" aria-hidden="true"></span></button>'
            f'<p class="span">{clock(card.span.start_s)}</p></li>'
            for card in group
        )
        line = timeline(bars_of_cards(group), durations_s.get(video_id), "play", file)
        parts.append(
            f'<article aria-label="{text(file)}"><header><h3><bdi>{text(file)}</bdi></h3>'
            f'<p class="quiet"><bdi>{text(folder + slash)}</bdi></p></header>{line}'
            f'<ol class="faces">{faces}</ol></article>'
        )
    return "".join(parts)


def chooser(tracks: Sequence[tuple[str, bytes | None, str]], chosen: Collection[str]) -> str:
    """Return faces as toggle buttons.

    Args:
        tracks: Id, JPEG and caption of each track.
        chosen: Ids of the chosen tracks.
    """
    cards = "".join(
        f'<li><button type="button" data-act="choose" data-track="{text(track_id)}" '
        f'aria-pressed="{_aria_boolean(track_id in chosen)}">'
        f"{image_element(jpeg, 'Face in ' + caption)}"
        f"<span>{text(caption)}</span></button></li>"
        for track_id, jpeg, caption in tracks
    )
    return f'<ol class="chooser">{cards}</ol>'


def _aria_boolean(value: bool) -> str:
    return "true" if value else "false"
