"""Messages of the pages: missing, damaged, running, unreliable."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pipelines.demo.people import load_pictures
from ui.components.markup import appearances
from ui.components.timeline import Bar, timeline
from ui.service.labelled_photos import labelled_faces, verdicts_csv
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge, judgements
from vidsearch.datatypes import TimeSpan
from vidsearch.errors import CatalogWriteError
from vidsearch.search.people_clusters import TrackCard, track_cards
from vidsearch.video.stills import jpeg

APP = Path(__file__).resolve().parents[3] / "ui" / "script" / "start.py"
Start = Callable[..., None]


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=60)


def words(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info, *app.subheader]
    html = [str(getattr(part, "value", "")) for part in app.get("html")]
    return "\n".join([*(str(part.value) for part in parts), *html])


def give(app: AppTest, name: str, content: bytes) -> AppTest:
    return app.file_uploader(key="photos").set_value([(name, content, "image/jpeg")]).run()


def test_a_face_too_poor_is_said_where_the_answer_is_read(
    app: AppTest, app_over: Start, made: Path
) -> None:
    app_over(made / "catalog")
    give(app.run(), "small.jpg", jpeg(load_pictures()["astronaut"], 120))
    assert not app.exception
    assert "too small, blurred or turned away: hits may be missing" in words(app)


def test_a_photo_of_60_megapixels_is_searched_with(
    app: AppTest, app_over: Start, made: Path
) -> None:
    app_over(made / "catalog")
    picture = Image.fromarray(load_pictures()["astronaut"]).resize((7750, 7750))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=70)
    assert picture.width * picture.height > 60_000_000
    give(app.run(), "large.jpg", content.getvalue())
    assert not app.exception
    assert "Found 1 likely appearance in 1 video." in words(app)


def test_one_photo_given_twice_is_one_query(app: AppTest, app_over: Start, made: Path) -> None:
    app_over(made / "catalog")
    content = (made / "photos" / "astronaut.jpg").read_bytes()
    photos = [("a.jpg", content, "image/jpeg"), ("b.jpg", content, "image/jpeg")]
    app.run().file_uploader(key="photos").set_value(photos).run()
    assert not app.exception
    assert "Found 1 likely appearance in 1 video." in words(app)


def test_no_hit_offers_the_nearest(app: AppTest, app_over: Start, made: Path) -> None:
    app_over(made / "catalog")
    app.run()
    give(app, "b.jpg", (made / "photos" / "standing.jpg").read_bytes())
    app.slider(key="least").set_value(0.95).run()
    assert "No hit." in words(app)
    assert "No hit reaches 0.95." in words(app)
    assert "Searched" in words(app)
    app.button(key="nearest").click().run()
    assert app.slider(key="least").value == 0.0
    assert "No likely appearance: the nearest of" in words(app)
    assert "of other people (from the confidences" in words(app)


def test_an_archive_that_is_being_indexed_says_so(app: AppTest, app_over: Start, own: Path) -> None:
    app_over(own)
    now = datetime.now(UTC).isoformat()
    events = [
        {"event": "start", "videos": 7, "time": now},
        {"event": "video", "status": "indexed", "tracks": 1, "time": now},
    ]
    lines = "\n".join(json.dumps(event) for event in events) + "\n"
    (own / "runs" / "now.jsonl").write_text(lines)
    app.run()
    assert "being indexed: 1 of 7 videos done" in words(app)
    end = {"event": "end", "how": "done", "time": now}
    (own / "runs" / "now.jsonl").write_text(lines + json.dumps(end) + "\n")
    app.run()
    assert "being indexed" not in words(app)


def test_a_catalog_that_cannot_be_written_is_one_line(
    app: AppTest, app_over: Start, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = Catalog.open(own).tracks(["track_id"])["track_id"][0].as_py()
    catalog = Catalog.open(own)
    judge(catalog, [track], add_person(catalog, "Ada"), same=True)

    def locked(*_: object, **__: object) -> None:
        raise CatalogWriteError("another program writes to it; try again in a minute")

    monkeypatch.setattr("ui.pages.naming.rename_person", locked)
    app_over(own)
    page = AppTest.from_string("from ui.pages.people import render\nrender()", default_timeout=60)
    page.run()
    page.text_input[0].input("Bob").run()
    assert not page.exception
    assert "another program writes to it" in page.error[0].value
    assert list(judgements(catalog).names.values()) == ["Ada"]


PLAY_WHAT_IS_GONE = """
import numpy as np
from ui.pages.playing import Moment, play_moment
from vidsearch.datatypes import TimeSpan
box = np.array([1, 1, 9, 9], np.float32)
play_moment(Moment("t", "/gone/<img src=x> tape.mp4", TimeSpan(1, 2), 1.5, box, ("likely",)), (), 5)
"""


def test_a_video_that_is_gone_is_one_line(app_over: Start, made: Path) -> None:
    app_over(made / "catalog")
    page = AppTest.from_string(PLAY_WHAT_IS_GONE, default_timeout=60).run()
    assert not page.exception
    assert "does not exist" in page.error[0].value
    assert r"\<img src" in page.error[0].value


def test_a_catalog_that_was_removed_is_one_line(
    app: AppTest, app_over: Start, tmp_path: Path
) -> None:
    app_over(tmp_path / "gone")
    app.run()
    assert not app.exception
    assert "no catalog at" in app.error[0].value


def test_names_cannot_become_markup() -> None:
    nasty = 'a"><script>alert(1)</script>.mp4'
    card = TrackCard(
        "t\"'<", "v", f"/x/{nasty}", TimeSpan(1, 2), 1.5, None, np.zeros(4, np.float32)
    )
    for html in (
        appearances([card], {"v": 10.0}),
        timeline([Bar("t", 1, 2, nasty, "likely")], 10.0, "play", nasty),
    ):
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_a_timeline_is_in_the_order_of_time_with_the_best_on_top() -> None:
    bars = [Bar("b", 5, 6, "likely", "likely", 0.9), Bar("a", 1, 9, "unlikely", "unlikely", 0.1)]
    html = timeline(bars, 10.0, "seek", "film", playing="b")
    assert html.index('data-track="a"') < html.index('data-track="b"')
    assert "left:min(10.00%, calc(100% - 8px));width:max(80.00%, 8px);z-index:1" in html
    assert 'aria-label="Timeline of film, 2 appearances"' in html
    assert html.count("aria-current=true") == 1
    assert timeline(bars, None, "seek") == "" == timeline([], 10.0, "seek")


def test_verdicts_as_a_table_and_as_a_training_set(catalog: Catalog) -> None:
    rows = catalog.faces(["track_id"])["track_id"].to_pylist()
    tracks = sorted(set(rows), key=lambda track: (-rows.count(track), track))
    ada, bob = add_person(catalog, "=Ada"), add_person(catalog, "Bob")
    judge(catalog, [tracks[0]], ada, same=True)
    judge(catalog, [tracks[1]], ada, same=False)
    known = judgements(catalog)
    found = labelled_faces(catalog, known)
    assert (found.people, found.faces, found.left_out) == (1, rows.count(tracks[0]), 0)
    assert found.command.startswith("vidsearch prepare --catalog /")
    head, *lines = verdicts_csv(catalog).splitlines()
    assert head == "person,person_id,verdict,video,start_s,end_s,track_id"
    assert sorted(line.split(",")[2] for line in lines) == ["not the same", "same"]
    assert all(line.startswith("'=Ada,") for line in lines), "no spreadsheet runs it"
    assert bob not in verdicts_csv(catalog)
    assert len(track_cards(catalog, tracks[:2])) == 2
