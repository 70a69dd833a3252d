"""People, videos and reports of equal names: every control acts on the one that was chosen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers.synthetic_catalog import DIM, MODEL_ID, make_video
from ui.components.choices import Answer
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.people import add_person, judge, judgements

Start = Callable[..., None]
VIDEOS = tuple(f"/films/card{number}/00001.mp4" for number in range(1, 4))


def page(name: str) -> AppTest:
    source = f"from ui.pages.{name} import render\nrender()"
    return AppTest.from_string(source, default_timeout=60).run()


def labels(box: Any) -> list[str]:
    return list(box.options)


@pytest.fixture
def twins(tmp_path: Path, app_over: Start) -> tuple[Catalog, list[str]]:
    """Three people "Person A" with 3, 2 and 2 appearances, in films of one base name."""
    catalog = Catalog.create(tmp_path / "catalog", pack="open", model_id=MODEL_ID, dim=DIM)
    with CatalogWriter(catalog) as writer:
        for number, uri in enumerate(VIDEOS, start=1):  # every fifth made-up video fails
            writer.add(make_video(number, tracks=4 if number == 1 else 3, uri=uri))
    ids: dict[str, list[str]] = {}
    for row in catalog.tracks(["track_id", "video_id"]).to_pylist():
        ids.setdefault(row["video_id"], []).append(row["track_id"])
    groups = sorted(ids.values(), key=len, reverse=True)
    people = [add_person(catalog, "Person A", same_name=True) for _ in groups]
    for person, group, count in zip(people, groups, (3, 2, 2), strict=True):
        judge(catalog, sorted(group)[:count], person, same=True)
    app_over(catalog.root.path)
    return catalog, people


def test_labels_say_which_is_which(twins: tuple[Catalog, list[str]]) -> None:
    _, people = twins
    shown = labels(page("people").selectbox(key="chosen_person"))
    assert len(set(shown)) == 3
    assert "Person A (3 appearances)" in shown
    assert f"Person A (2 appearances) ({people[1][:8]})" in shown


def test_the_people_page_opens_every_person(twins: tuple[Catalog, list[str]]) -> None:
    _, people = twins
    shown = page("people")
    for person, count in zip(people, (3, 2, 2), strict=True):
        shown.selectbox(key="chosen_person").select(person).run()
        assert not shown.exception
        assert shown.subheader[0].value == f"{count} appearances in 1 video"


def test_a_choice_stays_with_the_person_when_labels_change(
    twins: tuple[Catalog, list[str]],
) -> None:
    catalog, people = twins
    shown = page("people")
    shown.selectbox(key="chosen_person").select(people[0]).run()
    # The label "Person A (3 appearances)" now belongs to somebody else.
    extra = [t for t in tracks(catalog) if t not in judgements(catalog).person_of]
    judge(catalog, judgements(catalog).confirmed(people[0])[:1], people[0], same=False)
    judge(catalog, extra[:1], people[1], same=True)
    shown.run()
    assert shown.session_state["chosen_person"] == people[0]
    assert shown.subheader[0].value == "2 appearances in 1 video"


def tracks(catalog: Catalog) -> list[str]:
    return sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())


def test_a_removed_person_is_not_replaced_by_a_namesake(
    twins: tuple[Catalog, list[str]],
) -> None:
    catalog, people = twins
    shown = page("archive")
    shown.selectbox(key="forget_person").select(people[1]).run()
    catalog.table("people").delete(f"person_id = '{people[1]}'")
    shown.run()
    assert shown.selectbox(key="forget_person").value is None


def test_merging_takes_the_person_that_was_chosen(twins: tuple[Catalog, list[str]]) -> None:
    catalog, people = twins
    shown = page("people")
    shown.selectbox(key="chosen_person").select(people[1]).run()
    shown.selectbox(key=f"merge-{people[1]}").select(people[2]).run()
    assert set(judgements(catalog).names) == set(people), "a question comes first"
    shown.button(key="merge").click().run()
    assert not shown.exception
    assert set(judgements(catalog).names) == {people[0], people[1]}
    assert shown.session_state["chosen_person"] == people[1]
    shown.button(key="undo-1").click().run()
    assert set(judgements(catalog).names) == set(people)
    assert len(judgements(catalog).confirmed(people[2])) == 2


@pytest.mark.parametrize("number", [2])
def test_forgetting_erases_the_person_that_was_chosen(
    twins: tuple[Catalog, list[str]], number: int
) -> None:
    catalog, people = twins
    shown = page("archive")
    shown.selectbox(key="forget_person").select(people[number]).run()
    shown.button(key="ask_person").click().run()
    counts = (3, 2, 2)
    assert f"{counts[number]} confirmed appearances" in shown.warning[0].value
    assert "Face of Person A" in str(getattr(shown.get("html")[-1], "value", "")), (
        "the question shows the face"
    )
    # Another choice drops the question.
    shown.selectbox(key="forget_person").select(people[number - 1]).run()
    assert not shown.warning
    shown.selectbox(key="forget_person").select(people[number]).run()
    shown.button(key="really").click().run()
    assert not shown.exception
    assert set(judgements(catalog).names) == set(people) - {people[number]}


def test_the_filter_takes_films_of_one_base_name(twins: tuple[Catalog, list[str]]) -> None:
    def filters() -> None:
        import streamlit as st

        from ui.components.context import catalog
        from ui.pages.filters import request_for

        st.session_state["narrowed"] = True
        videos = catalog().videos(["video_id", "uri", "duration_s"])
        request, _ = request_for(videos, (), ("track",))
        st.session_state["found"] = request.search_filter.video_ids(catalog())

    catalog, _ = twins
    shown = AppTest.from_function(filters, default_timeout=60).run()
    box = shown.multiselect(key="videos")
    assert sorted(labels(box)) == ["card1/00001.mp4", "card2/00001.mp4", "card3/00001.mp4"]
    ids = catalog.videos(["video_id", "uri"]).sort_by("uri")["video_id"].to_pylist()
    box.set_value(ids[:2]).run()
    assert set(shown.session_state["found"]) == set(ids[:2])


NAME_A_CLUSTER = """
from ui.components.context import catalog
from ui.pages.naming import _show_cluster
from ui.service.people.portraits import people_names
from vidsearch.catalog.people import judgements
from vidsearch.search.people_clusters import track_cards
verdicts = judgements(catalog())
ids = catalog().tracks(['track_id'])['track_id'].to_pylist()
unknown = [t for t in sorted(ids) if t not in verdicts.person_of][:1]
if unknown:
    _show_cluster(verdicts, people_names(verdicts), track_cards(catalog(), unknown))
"""


def test_naming_adds_to_the_person_that_was_chosen(
    twins: tuple[Catalog, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, people = twins
    monkeypatch.setattr("ui.pages.naming.choose_or_type", lambda *_, **__: Answer(typed="person a"))
    shown = AppTest.from_string(NAME_A_CLUSTER, default_timeout=60).run()
    (track,) = [t for t in tracks(catalog) if t not in judgements(catalog).person_of][:1]
    # A typed name that exists is asked about, with every namesake.
    shown.button(key=f"do-{track}").click().run()
    assert "is the name of a person already" in shown.warning[0].value
    assert track not in judgements(catalog).person_of
    assert set(judgements(catalog).names) == set(people)
    shown.button(key=f"same-{track}-{people[2]}").click().run()
    assert not shown.exception
    assert judgements(catalog).person_of[track] == people[2]


def test_reports_of_one_title_open_the_folder_that_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app_over: Start, made: Path
) -> None:
    document = {"format": 1, "kind": "retrieval", "title": "Search"}
    for parent in ("a", "b"):
        folder = tmp_path / "reports" / parent / "run"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(document))
    app_over(made / "catalog", roots=(str(tmp_path / "reports"),))
    opened: list[str] = []
    monkeypatch.setattr("ui.pages.evaluation.written_at", lambda *_: 0)
    monkeypatch.setattr("ui.pages.evaluation._read_report", lambda folder, *_: (folder, ()))
    monkeypatch.setattr("ui.pages.evaluation._show_report", lambda folder, _: opened.append(folder))
    shown = page("evaluation")
    boxes = {box.key: box for box in shown.selectbox}
    assert len(set(labels(boxes["report"]))) == len(labels(boxes["report"])) == 3
    for parent in ("a", "b"):
        chosen = str(tmp_path / "reports" / parent / "run")
        shown.selectbox(key="report").select(chosen).run()
        assert opened[-1] == chosen


CORRECT = """
from ui.components.context import catalog
from ui.components.undoing import show_undo
from ui.pages.correcting import correct_appearances
from vidsearch.catalog.people import judgements
import streamlit as st
verdicts = judgements(catalog())
person = st.session_state["of"]
show_undo()
correct_appearances(verdicts, person, frozenset(verdicts.confirmed(person)[:1]))
"""


def test_a_move_shows_both_people_and_can_be_undone(twins: tuple[Catalog, list[str]]) -> None:
    catalog, people = twins
    before = judgements(catalog).person_of
    shown = AppTest.from_string(CORRECT, default_timeout=60)
    shown.session_state["of"] = people[0]
    shown.run()
    # Somebody of the same name: both are offered, neither is taken silently.
    shown.text_input(key="split_name").input("PERSON A").run()
    assert {button.key for button in shown.button} == {
        "not_person",
        f"move-{people[1]}",
        f"move-{people[2]}",
    }
    shown.button(key=f"move-{people[2]}").click().run()
    assert not shown.exception
    assert len(judgements(catalog).confirmed(people[2])) == 3
    shown.button(key="undo-1").click().run()
    assert judgements(catalog).person_of == before
    shown.text_input(key="split_name").input("Eve").run()
    shown.button(key="split").click().run()
    assert not shown.exception
    assert "Eve" in judgements(catalog).names.values()
    shown.button(key="undo-2").click().run()
    assert judgements(catalog).person_of == before
    assert set(judgements(catalog).names) == set(people)


def test_a_removed_person_comes_back(twins: tuple[Catalog, list[str]]) -> None:
    catalog, people = twins
    shown = page("people")
    shown.selectbox(key="chosen_person").select(people[1]).run()
    shown.button(key=f"remove-{people[1]}").click().run()
    assert not shown.exception
    assert set(judgements(catalog).names) == {people[0], people[2]}
    shown.button(key="undo-1").click().run()
    assert len(judgements(catalog).confirmed(people[1])) == 2
