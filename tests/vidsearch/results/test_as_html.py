from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.results.as_html import to_html
from vidsearch.results.result import Coverage, QueryPhoto, SearchResult
from vidsearch.text.printable import printable

MakeHit = Callable[..., Hit]

VOID = {"meta", "img"}
HOSTILE = (
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!-- --><svg/onload=alert(1)>",
    "]]></style><b>",
    "&lt;script&gt;",
    "two\nlines\u202e4pm.exe\x00",
    "javascript:alert(1)",
)


class Page(HTMLParser):
    """Strict parser of a page: elements must be closed in order; collects elements and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements and their attributes, without values."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]


def named(name: str, jpeg: bytes | None = None) -> SearchResult:
    """Return a result whose external texts are all ``name``."""
    box = np.zeros(4, np.float32)
    hits = tuple(
        Hit(rank, confidence, 0.9, name, name, name, TimeSpan(1, 2), 1.5, box, name)
        for rank, confidence in ((1, 0.95), (2, 0.2))
    )
    warning = QueryWarning(WarningCode.DIFFERENT_PEOPLE, {"groups": ((name,), (name,))})
    photo = QueryPhoto(name, box, 0.5, 2, (warning,), jpeg)
    return SearchResult(
        name, (photo,), hits, Coverage(9, 1, 60), {name: jpeg} if jpeg else {}, {name: 60.0}
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str, jpeg: bytes) -> None:
    page = Page(to_html(named(name, jpeg)))
    assert page.all("script") == []
    assert {tag for tag, _ in page.elements} <= {
        tag for tag, _ in Page(to_html(named("a/b"))).elements
    } | {"img"}
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    assert printable(name) in "".join(page.text)


@given(st.text(st.characters(codec=None) | st.sampled_from("<>&\"'/="), max_size=40))
def test_any_name_changes_no_markup(name: str) -> None:
    """Names have no slash, because a slash adds the markup of the folder."""
    name = name.replace("/", "")
    html = to_html(named(name))
    html.encode("utf-8")
    page = Page(html)
    assert page.shape == Page(to_html(named("x"))).shape
    assert printable(name) in "".join(page.text)


def test_policy_allows_the_style_and_nothing_else(result: SearchResult) -> None:
    html = to_html(result)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(
        meta["content"] for meta in Page(html).all("meta") if meta.get("http-equiv") is not None
    )
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_is_fetched(result: SearchResult) -> None:
    html = to_html(result)
    page = Page(html)
    assert all(
        (image["src"] or "").startswith("data:image/jpeg;base64,") for image in page.all("img")
    )
    assert not {"script", "link", "iframe", "object", "form", "a", "base"} & {
        t for t, _ in page.elements
    }
    assert "url(" not in html
    assert "@import" not in html
    assert not any(
        "style" in attributes for _, attributes in page.elements
    )  # the policy forbids it


def test_content(result: SearchResult, jpeg: bytes) -> None:
    page = Page(to_html(result))
    text = " ".join("".join(page.text).split())
    for part in (
        "Found 3 likely appearances in 2 videos.",
        "Searched 1,234 tracks in 3 videos (2:02:05.5 of video).",
        "/photos/ada.jpg",
        "2 faces in the photo, the largest was used",
        "1:01:01.0 – 1:01:03.0",  # noqa: RUF001 - as it is typeset
        "Ada",
        "almost certain 0.997",
        "1 weaker hit",
        "Model open-0123",
    ):
        assert part in text
    pictures = [
        base64.b64decode((image["src"] or "").partition(",")[2]) for image in page.all("img")
    ]
    assert pictures == [jpeg, jpeg]  # the query's and the one thumbnail
    assert all(image["alt"] for image in page.all("img"))
    assert text.count("no picture") == 3
    assert len(page.all("h1")) == 1
    assert len(page.all("h3")) == 3
    assert len(page.all("svg")) == 1


def test_weaker_hits_are_folded_away_unless_there_is_nothing_else(result: SearchResult) -> None:
    assert "open" not in Page(to_html(result)).all("details")[0]
    only_weaker = dataclasses.replace(result, hits=result.weaker)
    assert "open" in Page(to_html(only_weaker)).all("details")[0]


def test_no_hit(result: SearchResult) -> None:
    page = Page(to_html(dataclasses.replace(result, hits=())))
    assert "No hit." in page.text
    assert page.all("article") == []


def test_content_that_is_not_a_jpeg_is_not_embedded(result: SearchResult) -> None:
    page = Page(to_html(dataclasses.replace(result, thumbnails={"track-1": b"<svg onload=x>"})))
    assert len(page.all("img")) == 1


@pytest.mark.browser
@pytest.mark.parametrize(("dark", "page_colour"), [(False, (245, 246, 248)), (True, (16, 21, 27))])
def test_browser_applies_the_style(
    result: SearchResult, tmp_path: Path, dark: bool, page_colour: tuple[int, int, int]
) -> None:
    """With a wrong hash in the policy, the page would stay white."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed")
    (tmp_path / "page.html").write_text(to_html(result), encoding="utf-8")
    subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=600,900",
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            f"--screenshot={tmp_path / 'page.png'}",
            (tmp_path / "page.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with Pillow.open(tmp_path / "page.png") as picture:
        shot = np.asarray(picture.convert("RGB"))
    assert shot[2, 2].tolist() == list(page_colour)
    assert len(np.unique(shot.reshape(-1, 3), axis=0)) > 50  # text and bars are drawn
