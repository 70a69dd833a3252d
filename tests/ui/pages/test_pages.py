"""Each page as Streamlit runs it, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipelines.demo.people import load_pictures
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge
from vidsearch.video.stills import jpeg

APP = Path(__file__).resolve().parents[3] / "ui" / "script" / "start.py"
Start = Callable[..., None]


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=60)


def words(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info, *app.subheader]
    html = [str(getattr(part, "value", "")) for part in app.get("html")]
    return "\n".join([*(str(part.value) for part in [*parts, *app.title]), *html])


def give(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    uploads = [(name, content, "image/jpeg") for name, content in files]
    return app.file_uploader(key="photos").set_value(uploads).run()


def test_the_first_page_says_what_to_do(app: AppTest, app_over: Start, made: Path) -> None:
    app_over(made / "catalog")
    app.run()
    assert not app.exception
    assert "Drop a photo of a face" in words(app)
    assert [metric.value for metric in app.metric] == ["3", "0:00:08.5", app.metric[2].value]


def test_a_photo_gives_an_answer(app: AppTest, app_over: Start, made: Path) -> None:
    app_over(made / "catalog")
    give(app.run(), ("a.jpg", (made / "photos" / "astronaut.jpg").read_bytes()))
    assert not app.exception
    assert "Found 1 likely appearance in 1 video." in words(app)
    assert "1 video could not be indexed" in words(app)
    assert "fewer than 0.1 of other people" in words(app)


def test_nobody_is_found_and_it_says_how_much_was_searched(
    app: AppTest, app_over: Start, made: Path
) -> None:
    app_over(made / "catalog")
    app.run()
    give(app, ("b.jpg", (made / "photos" / "standing.jpg").read_bytes()))
    assert "No " in words(app)
    assert "in 3 videos" in words(app)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jpg", b"<svg><script>alert(1)</script></svg>", "an SVG drawing"),
        ("x.jpg", b"\x1aE\xdf\xa3 whatever", "Matroska or WebM video"),
        ("x.jpg", b"", "is empty"),
        ("<img src=x onerror=alert(1)>.jpg", b"nonsense", r"\<img src\=x"),
    ],
)
def test_unusable_photos_give_a_message(
    app: AppTest, app_over: Start, made: Path, name: str, content: bytes, said: str
) -> None:
    app_over(made / "catalog")
    give(app.run(), (name, content))
    assert not app.exception
    assert said.replace(r"\=", "=") in words(app)


def test_a_decompression_bomb_is_refused(app: AppTest, app_over: Start, made: Path) -> None:
    import io

    from PIL import Image

    app_over(made / "catalog")
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    give(app.run(), ("bomb.png", bomb.getvalue()))
    assert "million pixels" in words(app) or "at most 100 million" in words(app)


def test_no_face_tiny_face_and_several_faces(app: AppTest, app_over: Start, made: Path) -> None:
    app_over(made / "catalog")
    pictures = load_pictures()
    give(app.run(), ("coffee.jpg", jpeg(pictures["coffee"])))
    assert "No face found in coffee" in words(app)
    give(app, ("small.jpg", jpeg(pictures["astronaut"], 120)))
    assert "expect an unreliable answer" in words(app)
    give(app, ("group.jpg", jpeg(pictures["group"], 1280)))
    assert "6 faces found; face 1 is used" in words(app)


def test_an_empty_catalog_says_where_to_begin(
    app: AppTest, app_over: Start, made: Path, tmp_path: Path
) -> None:
    full = Catalog.open(made / "catalog")
    Catalog.create(tmp_path / "new", pack="open", model_id=full.model_id, dim=full.dim)
    app_over(tmp_path / "new")
    app.run()
    assert "Nothing is searchable yet" in words(app)
    assert not app.exception


def test_a_damaged_catalog_is_one_line(app: AppTest, app_over: Start, own: Path) -> None:
    import shutil

    shutil.rmtree(own / "videos" / "_delta_log")
    app_over(own)
    app.run()
    assert not app.exception
    assert "cannot be read" in app.error[0].value


def test_the_archive_page_names_what_failed(app: AppTest, app_over: Start, made: Path) -> None:
    app_over(made / "catalog")
    app.run()
    page = AppTest.from_string("from ui.pages.archive import render\nrender()", default_timeout=60)
    page.run()
    assert not page.exception
    labels = [expander.label for expander in page.expander]
    assert "could not be indexed" in labels[0]
    assert "Files that are not indexed" in labels
    assert "started without **--root FOLDER**" in words(page)


def test_forgetting_asks_first_then_shows_the_receipt(app_over: Start, own: Path) -> None:
    app_over(own)
    page = AppTest.from_string("from ui.pages.archive import render\nrender()", default_timeout=60)
    page.run()
    video = Catalog.open(own).videos(["video_id"])["video_id"][0].as_py()
    page.selectbox(key="forget_video").select(video).run()
    page.button(key="ask_video").click().run()
    assert Catalog.open(own).videos(video_ids=[video]).num_rows == 1
    page.button(key="really").click().run()
    assert not page.exception
    assert Catalog.open(own).videos(video_ids=[video]).num_rows == 0
    assert '"found": 0' in page.json[0].value.replace('":0', '": 0')


def test_a_named_person_has_a_page(app_over: Start, own: Path) -> None:
    app_over(own)
    page = AppTest.from_string("from ui.pages.people import render\nrender()", default_timeout=60)
    page.run()
    assert "No person is named yet" in words(page)
    catalog = Catalog.open(own)
    track = catalog.tracks(["track_id"])["track_id"][0].as_py()
    judge(catalog, [track], add_person(catalog, "Ada <b>"), same=True)
    page.run()
    assert not page.exception
    assert "1 appearance in 1 video" in words(page)
    assert page.text_input[0].value == "Ada <b>"
    assert "vidsearch prepare --catalog" in page.code[-1].value
