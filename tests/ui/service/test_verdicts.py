"""Verdicts on hits: which person a verdict is about."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.helpers.synthetic_catalog import DIM, MODEL_ID, make_video
from ui.service.labelled_photos import labelled_faces, verdicts_csv
from ui.service.verdicts import judge_hit, next_name
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.people import add_person, judge, judgements, rename_person
from vidsearch.errors import ConfigError


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Three tracks of two faces each."""
    created = Catalog.create(tmp_path / "it's here", pack="toy", model_id=MODEL_ID, dim=DIM)
    with CatalogWriter(created) as writer:
        writer.add(make_video(0, tracks=3, uri="/videos/=1+1.mp4"))
    return created


def tracks_of(catalog: Catalog) -> list[str]:
    ids: list[str] = catalog.tracks(["track_id"])["track_id"].to_pylist()
    return sorted(ids)


def test_a_rejected_hit_makes_a_new_person_even_if_it_belongs_to_another(catalog: Catalog) -> None:
    # "Not the person I search for" must not be recorded against the person whom the track shows.
    track = tracks_of(catalog)[0]
    ada = add_person(catalog, "Ada")
    judge(catalog, [track], ada, same=True)
    searched = judge_hit(catalog, track, None, same=False).person_id
    found = judgements(catalog)
    assert searched != ada
    assert found.person_of == {track: ada}
    assert found.rejected == {searched: frozenset({track})}


def test_a_person_that_was_removed_meanwhile_is_not_judged(catalog: Catalog) -> None:
    track = tracks_of(catalog)[0]
    with pytest.raises(ConfigError, match="person 'removed' is not in the catalog"):
        judge_hit(catalog, track, "removed", same=True)
    assert judgements(catalog).names == {}


def test_a_named_track_is_taken_only_from_the_person_who_was_asked_about(catalog: Catalog) -> None:
    track = tracks_of(catalog)[0]
    ada = add_person(catalog, "Ada")
    judge(catalog, [track], ada, same=True)
    with pytest.raises(ConfigError, match="shows 'Ada' already"):
        judge_hit(catalog, track, None, same=True)
    assert judgements(catalog).names == {ada: "Ada"}, "nobody is added in vain"
    person = judge_hit(catalog, track, None, same=True, take_from=[ada]).person_id
    assert judgements(catalog).person_of == {track: person}


def test_new_people_get_numbers_of_their_own(catalog: Catalog) -> None:
    first, second, _ = tracks_of(catalog)
    judge_hit(catalog, first, None, same=True)
    judge_hit(catalog, second, None, same=True)
    assert list(judgements(catalog).names.values()) == ["Unnamed person 1", "Unnamed person 2"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "Unnamed person 1"),
        (["Unnamed person 9", "Unnamed person 10"], "Unnamed person 11"),
        (["Unnamed person", "My Unnamed person 7", "Unnamed person 7b"], "Unnamed person 1"),
    ],
)
def test_the_next_number_follows_the_highest(names: list[str], expected: str) -> None:
    assert next_name(names) == expected


def test_an_unknown_track_is_refused(catalog: Catalog) -> None:
    ada = add_person(catalog, "Ada")
    with pytest.raises(ConfigError, match="'gone' is not in the catalog; search again"):
        judge_hit(catalog, "gone", ada, same=True)
    assert judgements(catalog).person_of == {}


def test_an_empty_name_keeps_the_old_one(catalog: Catalog) -> None:
    ada = add_person(catalog, "Ada")
    with pytest.raises(ConfigError, match="name"):
        rename_person(catalog, ada, " ")
    assert judgements(catalog).names == {ada: "Ada"}


class TestTrainingSetOfVerdicts:
    def test_one_face_is_too_few(self, tmp_path: Path) -> None:
        catalog = Catalog.create(tmp_path / "c", pack="toy", model_id=MODEL_ID, dim=DIM)
        video = make_video(0, tracks=2)
        first, second = video.tracks
        single = dataclasses.replace(second, faces=second.faces[:1])
        with CatalogWriter(catalog) as writer:
            writer.add(dataclasses.replace(video, tracks=(first, single)))
        counts = catalog.faces(["track_id"])["track_id"].to_pylist()
        pair, alone = sorted(set(counts), key=counts.count, reverse=True)
        ada, bob = add_person(catalog, "Ada"), add_person(catalog, "Bob")
        judge(catalog, [pair], ada, same=True)
        judge(catalog, [alone], bob, same=True)
        found = labelled_faces(catalog, judgements(catalog))
        assert (found.people, found.faces, found.left_out) == (1, 2, 1)

    def test_faces_of_all_tracks_of_a_person_are_added(self, catalog: Catalog) -> None:
        ada = add_person(catalog, "Ada")
        judge(catalog, tracks_of(catalog), ada, same=True)
        found = labelled_faces(catalog, judgements(catalog))
        assert (found.people, found.faces, found.left_out) == (1, 6, 0)
        assert "'\"'\"'s here'" in found.command, "a shell reads one path"

    def test_nobody_named(self, catalog: Catalog) -> None:
        found = labelled_faces(catalog, judgements(catalog))
        assert (found.people, found.faces, found.left_out) == (0, 0, 0)


def test_formulas_in_the_table_stay_text(catalog: Catalog) -> None:
    track = tracks_of(catalog)[0]
    ada = add_person(catalog, "Ada")
    judge(catalog, [track], ada, same=True)
    rename_person(catalog, ada, "+Ada")
    (line,) = verdicts_csv(catalog).splitlines()[1:]
    name, person, verdict, video, start_s, end_s, named = line.split(",")
    assert (name, person, verdict, named) == ("'+Ada", ada, "same", track)
    assert video == "/videos/=1+1.mp4"
    assert float(end_s) - float(start_s) == 1.0
