"""Search journey: photo, faces, hits, player, verdict, exports."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

from pipelines.demo.people import load_pictures
from tests.helpers.browser_marks import BROWSER
from tests.helpers.screen import Screen
from vidsearch.video.stills import jpeg

pytestmark = BROWSER


def test_a_photo_leads_to_the_moment_in_a_clip(screen: Screen, made: Path) -> None:
    screen.says("Drop a photo of a face")
    screen.give(made / "photos" / "astronaut.jpg")
    screen.says("Found 1 likely appearance in 1 video.")
    # Browsers do not play Matroska, so a clip plays. The astronaut is visible from 1 s on.
    state = screen.play(0)
    assert state["failed"] is None
    assert 0.9 <= state["at"] <= state["length"]
    assert state["wide"] > 0
    screen.close_player()


def test_a_face_of_several_is_chosen_and_its_video_plays_by_range(
    screen: Screen, made: Path
) -> None:
    ranges: list[str] = []
    screen.page.on(
        "response",
        lambda r: ranges.append(r.headers.get("content-range", "")) if "/video/" in r.url else None,
    )
    screen.give(("group.jpg", jpeg(load_pictures()["group"], 1280)))
    screen.says("6 faces found; face 1 is used")
    screen.faces().nth(3).click()
    screen.says("face 4 is used")
    screen.hits().first.wait_for()
    state = screen.play(0)
    assert state["failed"] is None
    assert state["at"] > 0
    assert any(re.match(r"bytes 0-\d+/\d+", content_range) for content_range in ranges)
    screen.close_player()
    # Another bar: face and figures beside the film are those of the appearance that plays.
    screen.least_confidence()
    state = screen.play(0)
    first = screen.beside_the_film()
    other = screen.press_another_bar()
    assert other["track"] != first["track"]
    assert other["face"] != first["face"]
    assert float(other["start"]) - 0.3 <= other["at"] <= float(other["end"]) + 1.5
    assert screen.page.get_by_role("dialog").locator("section:visible").count() == 1


def test_a_search_keeps_to_some_videos_when_the_box_is_closed_again(
    screen: Screen, made: Path
) -> None:
    screen.give(made / "photos" / "astronaut.jpg")
    screen.says("Found 1 likely appearance in 1 video.")
    screen.only_some_videos()
    screen.choose_folder(str(made / "archive" / "sub"))
    screen.says("No hit.")
    screen.says("in 2 videos")
    screen.only_some_videos()
    screen.settled()
    screen.says("No hit.")
    screen.only_some_videos()
    screen.drop_choices()
    screen.says("Found 1 likely appearance in 1 video.")


def test_a_verdict_changes_the_next_search_and_the_files(screen: Screen, made: Path) -> None:
    screen.give(made / "photos" / "red-shirt.jpg")
    screen.says(re.compile(r"Found \d+ likely appearance"))
    screen.judge(0, "not")
    # The only likely hit is gone from the hits, and can be taken back.
    screen.says("No hit.")
    screen.says("0 confirmed tracks, 1 rejected")
    screen.open_rejected()
    screen.judge(0, "same")
    screen.says("1 confirmed track, 0 rejected")
    screen.says(re.compile(r"Found \d+ likely appearance"))
    screen.name_person("Red <b>shirt</b>")
    screen.says("Red <b>shirt</b>")
    assert screen.page.locator("b", has_text="shirt").count() == 0

    name, text = screen.take("Table (CSV)")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert name == "hits.csv"
    assert rows
    assert {"rank", "confidence", "video", "start_s", "end_s"} <= rows[0].keys()
    name, text = screen.take("JSON")
    hits = json.loads(text)["hits"]
    assert [row["track_id"] for row in rows] == [hit["track_id"] for hit in hits]
    assert hits[0]["person"] == "Red <b>shirt</b>"
    name, text = screen.take("WebVTT")
    assert text.startswith("WEBVTT\n")
    assert text.count(" --> ") == len(hits)
    assert "Red &lt;b&gt;shirt&lt;/b&gt;: " in text
    name, text = screen.take("Cut list (EDL)")
    assert len(re.findall(r"^\d{3}  AX       V     C  ", text, re.MULTILINE)) == len(hits)
    assert "<script" not in screen.take("Page")[1]
