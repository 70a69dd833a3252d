"""Names of any bytes in the app: shown as text, told apart, and back to the same file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.inputs import names
from tests.inputs.named_archive import Named, only_plain_lines
from ui.service.settings import VARIABLE, UiSettings
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judgements
from vidsearch.text.names import composed, path_of_url

pytestmark = pytest.mark.usefixtures("loaded")


@pytest.fixture
def app(named: Named, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Function that runs a page over the catalog, with a root whose name is not UTF-8."""
    from streamlit.testing.v1 import AppTest

    main_module = sys.modules["__main__"]
    settings = UiSettings(catalog=str(named.catalog), roots=(str(named.films[0].parent),))
    monkeypatch.setenv(VARIABLE, settings.to_environment()[VARIABLE])
    monkeypatch.setattr("ui.service.shared._searchers", {})

    def run(page: str) -> Any:
        source = f"from ui.pages.{page} import render\nrender()"
        started = AppTest.from_string(source, default_timeout=60).run()
        assert not started.exception
        return started

    yield run
    sys.modules["__main__"] = main_module


def choices(box: Any) -> list[str]:
    options: list[str] = box.options
    assert len(set(options)) == len(options), "two choices look alike"
    for option in options:
        only_plain_lines(option)
        option.encode()
    return options


def test_the_archive_page_lists_every_name(app: Any, named: Named) -> None:
    page = app("archive")
    assert len(choices(page.selectbox(key="forget_video"))) == len(named.films) + 1
    assert set(choices(page.selectbox(key="forget_person"))) == set(map(composed, names.PEOPLE))
    tables = [table.value for table in page.dataframe]
    videos = next(table for table in tables if "Video" in table and "Status" in table)
    assert len(videos) == len(named.films) + 1
    for name in (*videos["Video"], *videos["Folder"]):
        only_plain_lines(name)
    root = next(box for box in page.text_input if box.label == "Folder on the server")
    assert path_of_url(root.value) == str(named.films[0].parent)


def test_the_people_page_shows_names_as_text(app: Any, named: Named) -> None:
    catalog = Catalog.open(named.catalog)
    page = app("people")
    box = page.selectbox(key="chosen_person")
    assert set(choices(box)) == set(map(composed, names.PEOPLE))
    people = judgements(catalog).names
    hostile = names.PEOPLE[2]
    box.select(next(person for person, name in people.items() if name == hostile)).run()
    assert not page.exception
    shown = next(part.value for part in page.caption if "is visible for" in part.value)
    assert shown.startswith(r"\$x\$ ")
    for markup in (":smile", "www.", "www\\."):
        assert markup not in shown


def test_two_people_of_one_name_are_told_apart(app: Any, named: Named) -> None:
    catalog = Catalog.open(named.catalog)
    twins = {add_person(catalog, "Eve", same_name=True) for _ in range(2)}
    try:
        box = app("archive").selectbox(key="forget_person")
        labels = [label for label in choices(box) if label.startswith("Eve")]
        ids = {label.removeprefix("Eve (0 appearances) (").removesuffix(")") for label in labels}
        assert ids == {person[:8] for person in twins}
        for person in twins:
            assert box.select(person).run().session_state["forget_person"] == person
    finally:
        for person in twins:
            catalog.table("people").delete(f"person_id = '{person}'")
    assert len(judgements(catalog).names) == len(names.PEOPLE)


def test_the_filters_of_a_search_select_by_every_name(app: Any, named: Named) -> None:
    from streamlit.testing.v1 import AppTest

    def filters() -> None:
        import streamlit as st

        from ui.components.context import catalog
        from ui.pages.filters import request_for

        st.session_state["narrowed"] = True
        videos = catalog().videos(["video_id", "uri", "duration_s"])
        request, _ = request_for(videos, (), ("track",))
        st.session_state["found"] = request.search_filter.video_ids(catalog())

    page = AppTest.from_function(filters, default_timeout=60).run()
    assert not page.exception
    labels = choices(page.multiselect(key="videos"))
    assert len(labels) == len(named.films) + 1
    folders = page.multiselect(key="folders")
    assert len(choices(folders)) == len(names.FOLDERS)
    folders.select(str(named.films[0].parent)).run()
    assert not page.exception
    assert len(page.session_state["found"]) == 1 + len(named.films[:: len(names.FOLDERS)])
