"""HTML of results: hostile names stay text, and each button names its own track."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.components.markup import (
    Marks,
    chooser,
    hit_list,
    image_element,
    markdown,
    photo_with_faces,
    results,
)
from ui.components.player import player
from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.results.result import Coverage, SearchResult
from vidsearch.search.query import QueryFace

JPEG = b"\xff\xd8\xff\xe0 small"


def hit(rank: int, confidence: float, track_id: str, **changes: object) -> Hit:
    fields: dict[str, object] = {
        "video": "/videos/a.mp4",
        "video_id": "a",
        "person": None,
        "start_s": 1.0,
    } | changes
    start_s = float(str(fields["start_s"]))
    person = fields["person"]
    return Hit(
        rank=rank,
        confidence=confidence,
        similarity=0.5,
        video=str(fields["video"]),
        video_id=str(fields["video_id"]),
        track_id=track_id,
        span=TimeSpan(start_s, start_s + 2),
        best_s=start_s + 1,
        box_xyxy=np.array([0, 0, 10, 10], np.float32),
        person=str(person) if person is not None else None,
    )


def result_of(*hits: Hit, **durations_s: float) -> SearchResult:
    return SearchResult("toy", (), hits, Coverage(10, 1, 60.0), {}, durations_s)


class Elements(HTMLParser):
    """Start tags with their attributes, and the text between tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute of {tag} is given twice"
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def buttons(self, act: str) -> list[dict[str, str | None]]:
        return [attrs for _, attrs in self.tags if attrs.get("data-act") == act]


def shape(html: str) -> list[tuple[str, list[str]]]:
    """Return tags and names of attributes: everything but the values."""
    return [(tag, sorted(attrs)) for tag, attrs in Elements(html).tags]


@given(
    st.text(st.characters(exclude_categories=()), max_size=30),
    st.text(st.characters(exclude_categories=()), min_size=1, max_size=30),
)
def test_no_name_changes_the_markup(name: str, track_id: str) -> None:
    def page(video: str, person: str, track: str) -> str:
        found = hit(1, 0.9, track, video=f"/v/{video}", video_id="v", person=person)
        return results(result_of(found, v=9.0), Marks(confirmed=[track]))

    plain = page("film.mp4", "Ada", "t")
    assert shape(page(name.replace("/", "_"), name, track_id)) == shape(plain)


def test_ids_come_back_from_the_markup_unchanged() -> None:
    # The page judges the track that a button names: an altered id would judge another one.
    track_id = "a\"'<&>b"
    elements = Elements(hit_list([hit(1, 0.9, track_id)], result_of(), Marks()))
    for act in ("play", "same", "not", "more"):
        assert [button["data-track"] for button in elements.buttons(act)] == [track_id]


def test_verdicts_mark_their_own_hit_only() -> None:
    hits = [hit(1, 0.9, "right"), hit(2, 0.8, "wrong"), hit(3, 0.7, "open")]
    html = hit_list(hits, result_of(), Marks(confirmed=["right"], rejected=["wrong"]))
    elements = Elements(html)
    pressed = {
        (act, button["data-track"]): button["aria-pressed"]
        for act in ("same", "not")
        for button in elements.buttons(act)
    }
    assert {key for key, value in pressed.items() if value == "true"} == {
        ("same", "right"),
        ("not", "wrong"),
    }
    cards = [attrs["class"] for tag, attrs in elements.tags if tag == "li"]
    assert cards == ["card confirmed", "card rejected", "card"]


def test_weaker_hits_are_folded_behind_likely_ones() -> None:
    both = result_of(hit(1, 0.9, "t1"), hit(2, 0.2, "t2"), hit(3, 0.1, "t3"))
    html = results(both, Marks())
    assert "<details><summary>2 weaker hits" in html
    assert html.index('data-track="t1"') < html.index("<details>") < html.index('data-track="t2"')
    only_weak = results(result_of(hit(1, 0.2, "t2")), Marks())
    assert "<details open><summary>1 weaker hit " in only_weak


def test_a_hit_shows_its_own_thumbnail() -> None:
    first, second = JPEG + b"1", JPEG + b"2"
    hits = (hit(1, 0.9, "t1"), hit(2, 0.8, "t2"))
    thumbnails = {"t2": second, "t1": first}
    result = SearchResult("toy", (), hits, Coverage(2, 1, 9.0), thumbnails)
    elements = Elements(hit_list(result.hits, result, Marks()))
    sources = [attrs["src"] for tag, attrs in elements.tags if tag == "img"]
    expected = [base64.b64encode(jpeg).decode() for jpeg in (first, second)]
    assert sources == [f"data:image/jpeg;base64,{data}" for data in expected]


@pytest.mark.parametrize("content", [None, b"", b"<svg onload=alert(1)>", b"\x89PNG"])
def test_other_bytes_than_a_jpeg_are_no_image(content: bytes | None) -> None:
    html = image_element(content, 'a"b')
    assert "<img" not in html
    assert 'aria-label="a&quot;b"' in html


def query_face(box: tuple[float, float, float, float], number: int) -> QueryFace:
    return QueryFace(
        photo="p.jpg",
        box_xyxy=np.array(box, np.float32),
        quality=0.9,
        embedding=np.ones(4, np.float32),
        aligned=np.zeros((8, 8, 3), np.uint8),
        faces_in_photo=2,
        face=number,
        model_id="toy",
    )


def test_face_buttons_lie_on_their_faces() -> None:
    faces = [query_face((20, 10, 120, 60), 1), query_face((150, 50, 200, 100), 2)]
    html = photo_with_faces(JPEG, (200, 100), faces, chosen=1, number=3)
    buttons = Elements(html).buttons("face")
    # 20 of 200 pixels are 10 %; the box is 100 of 200 wide and 50 of 100 high.
    assert buttons[0]["style"] == "left:10.00%;top:10.00%;width:50.00%;height:50.00%"
    assert buttons[1]["style"] == "left:75.00%;top:50.00%;width:25.00%;height:50.00%"
    assert [button["data-face"] for button in buttons] == ["0", "1"]
    assert {button["data-photo"] for button in buttons} == {"3"}
    assert [button["aria-pressed"] for button in buttons] == ["false", "true"]
    assert buttons[1]["aria-label"] == "Face 2 of 2, searched for"


def test_the_chooser_presses_the_chosen_tracks() -> None:
    html = chooser([("t1", JPEG, "0:01"), ("t<2>", None, "<b>")], chosen={"t<2>"})
    buttons = Elements(html).buttons("choose")
    assert [(b["data-track"], b["aria-pressed"]) for b in buttons] == [
        ("t1", "false"),
        ("t<2>", "true"),
    ]
    assert "<b>" not in html


def test_a_player_key_cannot_leave_its_attribute() -> None:
    ((tag, attrs), _) = Elements(player('k"><script>', 61.25, "film")).tags
    assert (tag, attrs["src"], attrs["data-start"]) == ("video", '/video/k"><script>', "61.250")


@pytest.mark.parametrize(
    "name",
    [
        "**bold**",
        "# title",
        "$x^2$",
        ":red[x]",
        ":material/home:",
        "![x](http://a/b.png)",
        "1. item",
        "- item",
        "<b>x</b>",
        "`code`",
        "a_b_c",
        "a|b",
        "~~x~~",
        "&lt;",
    ],
)
def test_every_character_of_markdown_is_escaped(name: str) -> None:
    escaped = markdown(name)
    assert escaped.replace("\\", "").replace("\u2060", "") == name
    for index, character in enumerate(escaped):
        if character in "`*_{}[]()#+-.!|<>~:$&":
            assert escaped[index - 1] == "\\"


def test_a_name_with_a_line_break_stays_on_one_line() -> None:
    assert "\n" not in markdown("a\n# b")


# What Streamlit 1.67 replaces in the text of a page after it has removed the escapes.
REPLACED_BY_STREAMLIT = (
    r"(?i)(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)",
    r"(?<![^\W_])([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)",
    r":[\w+-][\w_+-]*:",
    r":material[/_]\w+:",
    r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)",
)


@pytest.mark.parametrize(
    "name",
    [
        "www.evil.example/x",
        "https://evil.example",
        "HTTP://evil.example",
        "me@evil.example",
        "a :smile: :+1: b",
        ":material/face:",
        ":streamlit:",
        "a -> b <- c -- d >= e <= f ~= g <-> h",
    ],
)
def test_streamlit_replaces_nothing_in_a_name(name: str) -> None:
    shown = re.sub(r"\\(.)", r"\1", markdown(name))
    assert shown.replace("\u2060", "") == name
    for pattern in REPLACED_BY_STREAMLIT:
        assert re.search(pattern, name) is None or re.search(pattern, shown) is None
    assert any(re.search(pattern, name) for pattern in REPLACED_BY_STREAMLIT)


@pytest.mark.parametrize("name", [" a", "a ", "  a  ", " "])
def test_spaces_at_the_ends_stay(name: str) -> None:
    assert markdown(name).replace("&#32;", " ") == name
    assert markdown(name) == markdown(name).strip()
