"""Named people and verdicts: recording, merging, splitting, renaming."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import synthetic_catalog as synthetic
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.people import (
    add_person,
    judge,
    judgements,
    merge_people,
    rename_person,
    split_person,
)
from vidsearch.erasure.person import forget_person
from vidsearch.errors import ConfigError


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog.create(
        tmp_path / "catalog", pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
    )
    with CatalogWriter(catalog) as writer:
        for number in range(3):
            writer.add(synthetic.make_video(number, tracks=2))
    return catalog


def ids(catalog: Catalog) -> list[str]:
    return sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())


def test_the_latest_verdict_counts(catalog: Catalog) -> None:
    first, second, *_ = ids(catalog)
    ada = add_person(catalog, "Ada")
    judge(catalog, [first, second], ada, same=True)
    judge(catalog, [second], ada, same=False)
    people = judgements(catalog)
    assert people.confirmed(ada) == (first,)
    assert people.rejected == {ada: frozenset({second})}
    judge(catalog, [second], ada, same=True)
    assert judgements(catalog).confirmed(ada) == (first, second)
    assert judgements(catalog).rejected == {}
    assert catalog.table("verdicts").read().num_rows == 4, "verdicts are only ever added"


def test_a_track_belongs_to_the_person_it_was_last_given_to(catalog: Catalog) -> None:
    track = ids(catalog)[0]
    ada, bob = add_person(catalog, "Ada"), add_person(catalog, "Bob")
    judge(catalog, [track], ada, same=True)
    with pytest.raises(
        ConfigError, match=f"shows 'Ada' already; to move it, pass take_from=.*{ada}"
    ):
        judge(catalog, [track], bob, same=True)
    assert judgements(catalog).person_of == {track: ada}
    judge(catalog, [track], bob, same=True, take_from=[ada])
    assert judgements(catalog).person_of == {track: bob}
    # "Not Bob" does not bring the track back to Ada.
    judge(catalog, [track], bob, same=False)
    assert judgements(catalog).person_of == {}


def test_renaming_keeps_the_tracks_and_names_sort_without_case(catalog: Catalog) -> None:
    ada = add_person(catalog, "Zoe")
    add_person(catalog, "bob")
    judge(catalog, ids(catalog)[:1], ada, same=True)
    rename_person(catalog, ada, "  Ada \n Lovelace ")
    people = judgements(catalog)
    assert list(people.names.values()) == ["Ada \\n Lovelace", "bob"]
    assert people.confirmed(ada) == tuple(ids(catalog)[:1])


def test_merging_moves_the_tracks_and_removes_the_other(catalog: Catalog) -> None:
    first, second, third, *_ = ids(catalog)
    ada, bob = add_person(catalog, "Ada"), add_person(catalog, "Bob")
    judge(catalog, [first], ada, same=True)
    judge(catalog, [second, third], bob, same=True)
    merge_people(catalog, ada, bob)
    people = judgements(catalog)
    assert people.names == {ada: "Ada"}
    assert people.confirmed(ada) == (first, second, third)


def test_splitting_moves_some_tracks_to_a_new_person(catalog: Catalog) -> None:
    first, second, *_ = ids(catalog)
    ada = add_person(catalog, "Ada")
    judge(catalog, [first, second], ada, same=True)
    bob = split_person(catalog, ada, [second], "Bob").person_id
    people = judgements(catalog)
    assert people.confirmed(ada) == (first,)
    assert people.confirmed(bob) == (second,)
    assert people.rejected == {ada: frozenset({second})}


def test_what_does_not_exist_is_refused(catalog: Catalog) -> None:
    ada = add_person(catalog, "Ada")
    with pytest.raises(ConfigError, match="track 'nowhere' is not in the catalog"):
        judge(catalog, ["nowhere"], ada, same=True)
    with pytest.raises(ConfigError, match="person 'nobody' is not in the catalog"):
        judge(catalog, ids(catalog)[:1], "nobody", same=True)
    with pytest.raises(ConfigError, match="1 to 200 characters; got 0"):
        add_person(catalog, " \n ".replace("\n", ""))
    with pytest.raises(ConfigError, match="with itself"):
        merge_people(catalog, ada, ada)
    with pytest.raises(ConfigError, match="at least one track"):
        split_person(catalog, ada, [], "Bob")


def test_forgetting_a_person_erases_their_tracks_and_proves_it(catalog: Catalog) -> None:
    first, second, third, *_ = ids(catalog)
    ada, bob = add_person(catalog, "Ada"), add_person(catalog, "Bob")
    judge(catalog, [first, second], ada, same=True)
    judge(catalog, [third], ada, same=False)
    judge(catalog, [third], bob, same=True)
    faces = catalog.faces().num_rows
    receipt = forget_person(catalog, ada)
    assert receipt.rows == {"tracks": 2, "faces": 4, "people": 1, "verdicts": 3}
    assert receipt.found == 0
    assert receipt.tracks_searched == 4
    assert not {first, second} & set(ids(catalog))
    assert catalog.faces().num_rows == faces - 4
    assert catalog.status().tracks == 4
    assert judgements(catalog).names == {bob: "Bob"}
    assert judgements(catalog).person_of == {third: bob}
    (written,) = (catalog.root.path or Path()).glob("receipts/*.json")
    assert "Ada" not in written.read_text()
    with pytest.raises(ConfigError, match="nothing was erased"):
        forget_person(catalog, ada)
