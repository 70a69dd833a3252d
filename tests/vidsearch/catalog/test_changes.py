"""Undo of every change of people and verdicts, and its refusals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import synthetic_catalog as synthetic
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.naming.changes import Change, undo
from vidsearch.catalog.people import (
    add_person,
    judge,
    judgements,
    merge_people,
    name_tracks,
    remove_person,
    rename_person,
    split_person,
    withdraw,
)
from vidsearch.erasure.person import forget_person
from vidsearch.erasure.videos import forget_video
from vidsearch.errors import ConfigError

ADA, BOB = "ada", "bob"
Act = Callable[[Catalog, list[str], dict[str, str]], Change]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six tracks; the first two are Ada's, the third is Bob's and not Ada's; the fourth not Bob."""
    folder = tmp_path_factory.mktemp("changes") / "catalog"
    made = Catalog.create(folder, pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM)
    with CatalogWriter(made) as writer:
        for number in range(3):
            writer.add(synthetic.make_video(number, tracks=2))
    ids = tracks(made)
    ada, bob = add_person(made, "Ada"), add_person(made, "Bob")
    judge(made, ids[:2], ada, same=True)
    judge(made, ids[2:3], bob, same=True)
    judge(made, ids[2:3], ada, same=False)
    judge(made, ids[3:4], bob, same=False)
    return folder


@pytest.fixture
def catalog(template: Path, tmp_path: Path) -> Catalog:
    return Catalog.open(shutil.copytree(template, tmp_path / "catalog"))


def tracks(catalog: Catalog) -> list[str]:
    return sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())


def people(catalog: Catalog) -> dict[str, str]:
    return {name.lower(): person for person, name in judgements(catalog).names.items()}


def rows(catalog: Catalog) -> dict[str, list[Any]]:
    return {
        name: sorted(map(repr, catalog.table(name).read().to_pylist()))
        for name in ("people", "verdicts")
    }


ACTS: dict[str, Act] = {
    "same": lambda c, t, p: judge(c, t[4:], p[ADA], same=True),
    "not": lambda c, t, p: judge(c, t[:1], p[ADA], same=False),
    "moved": lambda c, t, p: judge(c, t[:1], p[BOB], same=True, take_from=[p[ADA]]),
    "withdrawn": lambda c, t, p: withdraw(c, t[:3], p[ADA]),
    "withdrawn nothing": lambda c, t, p: withdraw(c, t[4:], p[ADA]),
    "named": lambda c, t, p: name_tracks(c, t[4:], "Eve"),
    "renamed": lambda c, t, p: rename_person(c, p[ADA], "Eve"),
    "renamed case": lambda c, t, p: rename_person(c, p[ADA], "ADA"),
    "merged": lambda c, t, p: merge_people(c, p[ADA], p[BOB]),
    "split": lambda c, t, p: split_person(c, p[ADA], t[1:2], "Eve"),
    "removed": lambda c, t, p: remove_person(c, p[ADA]),
}


@pytest.mark.parametrize("act", ACTS)
def test_undo_restores_every_row(catalog: Catalog, act: str) -> None:
    before = rows(catalog)
    change = ACTS[act](catalog, tracks(catalog), people(catalog))
    assert (rows(catalog) == before) == (act == "withdrawn nothing")
    undo(catalog, change)
    assert rows(catalog) == before


def test_undo_in_reverse_order_restores_every_row(catalog: Catalog) -> None:
    states, changes = [], []
    ids, named = tracks(catalog), people(catalog)
    for act in ("same", "moved", "split", "renamed", "merged"):
        states.append(rows(catalog))
        if act == "split":
            changes.append(split_person(catalog, named[ADA], ids[1:2], "Zoe"))
        else:
            changes.append(ACTS[act](catalog, ids, named))
    while changes:
        undo(catalog, changes.pop())
        assert rows(catalog) == states.pop()


def test_merging_keeps_what_was_rejected(catalog: Catalog) -> None:
    ids, named = tracks(catalog), people(catalog)
    merge_people(catalog, named[ADA], named[BOB])
    found = judgements(catalog)
    assert found.confirmed(named[ADA]) == tuple(ids[:3]), "a confirmed track stays confirmed"
    assert found.rejected == {named[ADA]: frozenset(ids[3:4])}
    assert set(catalog.table("verdicts").read()["person_id"].to_pylist()) == {named[ADA]}


@pytest.mark.parametrize(
    ("act", "later"),
    [
        ("same", lambda c, t, p: judge(c, t[4:], p[ADA], same=False)),
        ("renamed", lambda c, t, p: rename_person(c, p[ADA], "Zoe")),
        ("renamed", lambda c, t, p: add_person(c, "aDA")),
        ("merged", lambda c, t, p: judge(c, t[2:3], p[ADA], same=False)),
        ("merged", lambda c, t, p: add_person(c, "Bob")),
        ("merged", lambda c, t, p: remove_person(c, p[ADA])),
        ("merged", lambda c, t, p: forget_person(c, p[ADA])),
        ("same", lambda c, t, p: forget_person(c, p[ADA])),
        ("named", lambda c, t, p: judge(c, t[3:4], people(c)["eve"], same=True)),
        ("named", lambda c, t, p: forget_person(c, "Eve")),
        ("split", lambda c, t, p: forget_person(c, "Eve")),
    ],
)
def test_undo_is_refused_after_a_change_that_builds_on_it(
    catalog: Catalog, act: str, later: Act
) -> None:
    ids, named = tracks(catalog), people(catalog)
    change = ACTS[act](catalog, ids, named)
    later(catalog, ids, named)
    after = rows(catalog)
    with pytest.raises(ConfigError, match=r"cannot be undone: .* meanwhile"):
        undo(catalog, change)
    assert rows(catalog) == after


def test_undo_twice_is_refused_or_does_nothing(catalog: Catalog) -> None:
    before = rows(catalog)
    for act in ("same", "named", "removed", "merged"):
        change = ACTS[act](catalog, tracks(catalog), people(catalog))
        undo(catalog, change)
        with suppress(ConfigError):
            undo(catalog, change)
        assert rows(catalog) == before


def test_verdicts_on_erased_tracks_do_not_come_back(catalog: Catalog) -> None:
    ids, named = tracks(catalog), people(catalog)
    change = remove_person(catalog, named[ADA])
    video = catalog.tracks(["video_id"], track_ids=ids[:1])["video_id"][0].as_py()
    forget_video(catalog, video)
    undo(catalog, change)
    assert set(judgements(catalog).confirmed(named[ADA])) == set(ids[:2]) & set(tracks(catalog))
    judged = set(catalog.table("verdicts").read()["track_id"].to_pylist())
    assert judged <= set(tracks(catalog)) | {ids[2]}


def test_an_equal_name_is_refused_unless_asked_for(catalog: Catalog) -> None:
    ids, named = tracks(catalog), people(catalog)
    for name in ("Ada", " ada ", "A\u200dda", "\uff21da"):
        with pytest.raises(ConfigError, match="a person is named 'Ada' already"):
            add_person(catalog, name)
        with pytest.raises(ConfigError, match="a person is named 'Ada' already"):
            rename_person(catalog, named[BOB], name)
        with pytest.raises(ConfigError, match="a person is named 'Ada' already"):
            name_tracks(catalog, ids[4:], name)
        with pytest.raises(ConfigError, match="a person is named 'Ada' already"):
            split_person(catalog, named[ADA], ids[:1], name)
    assert people(catalog) == named
    assert add_person(catalog, "Ada", same_name=True) not in named.values()


@pytest.mark.parametrize(
    "act",
    [
        lambda c, t, p: judge(c, t[1:3], p[ADA], same=True),
        lambda c, t, p: judge(c, t[:1], p[BOB], same=True, take_from=["nobody"]),
        lambda c, t, p: name_tracks(c, t[:1], "Eve"),
        lambda c, t, p: split_person(c, p[BOB], t[:1], "Eve"),
    ],
)
def test_a_named_track_is_not_moved_unasked(catalog: Catalog, act: Act) -> None:
    before = rows(catalog)
    with pytest.raises(ConfigError, match="already; to move it, pass take_from="):
        act(catalog, tracks(catalog), people(catalog))
    assert rows(catalog) == before


def test_a_clock_that_was_set_back_does_not_hide_a_verdict(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TwoDaysBack(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> TwoDaysBack:
            return super().now(tz) - timedelta(days=2)

    monkeypatch.setattr("vidsearch.catalog.people.datetime", TwoDaysBack)
    ids, named = tracks(catalog), people(catalog)
    judge(catalog, ids[:1], named[ADA], same=False)
    assert ids[0] in judgements(catalog).rejected[named[ADA]]
