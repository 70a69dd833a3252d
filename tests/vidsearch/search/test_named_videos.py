"""Videos by the names that users give."""

from __future__ import annotations

import pytest

from vidsearch.search.named_videos import VideoNames

VIDEO = "77aabbcc" + "d" * 32
FILES = (
    ("/films/e\u0301t\u00e9 caf\udce9.mp4", VIDEO),
    ("/copies/\u00e9t\u00e9.mp4", VIDEO),
    ("s3://bucket/\u00e9.mp4", "remote"),
    ("/films/77aabbcc", "77aabbcd0"),
    ("/other/77aabbcd0", "another"),
)


@pytest.mark.parametrize(
    "name",
    [
        VIDEO,
        VIDEO[:9],
        "/films/\u00e9t\u00e9 caf\udce9.mp4",
        "/films/e\u0301te\u0301 caf\udce9.mp4",
        "file:///films/%C3%A9t%C3%A9%20caf%E9.mp4",
        "FILE://localhost/films/e%CC%81te%CC%81%20caf%e9.mp4",
        "/films/\u00e9t\u00e9 caf\\xe9.mp4",
        "\u00e9t\u00e9 caf\udce9.mp4",
        "../films/\u00e9t\u00e9 caf\udce9.mp4",
        "../copies/e\u0301te\u0301.mp4",
    ],
)
def test_every_spelling_of_a_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("os.getcwd", lambda: "/films")
    assert VideoNames.of(FILES).find(name) == frozenset({VIDEO})


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("s3://bucket/e\u0301.mp4", {"remote"}),
        ("77aabbcd0", {"77aabbcd0"}),  # an id, although a file has this name
        ("/films/77aabbcc", {"77aabbcd0"}),
        ("77aabbc", set()),  # too short for an id
        ("77aabb" * 2, set()),
        ("\u00e9t\u00e9", set()),
        ("", set()),
        ("/", set()),
    ],
)
def test_other_names(monkeypatch: pytest.MonkeyPatch, name: str, found: set[str]) -> None:
    monkeypatch.setattr("os.getcwd", lambda: "/nowhere")
    assert VideoNames.of(FILES).find(name) == found
