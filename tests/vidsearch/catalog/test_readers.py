"""Readers beside an erasure that removes the files of old versions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers import synthetic_catalog
from vidsearch.archive import Archive
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.maintenance import remove_incomplete, repair
from vidsearch.catalog.people import add_person, judgements
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.catalog.tables import Table
from vidsearch.errors import CatalogChangedError, CatalogError
from vidsearch.models.calibration import Calibration
from vidsearch.search.people_clusters import track_cards, unknown_people
from vidsearch.search.search import PhotoSearcher
from vidsearch.search.track_index import rebuild, rebuild_if_stale

CURVE = Calibration(slope=10.0, intercept=-5.0, fitted_on="an example", pairs=2)
MODELS: Any = SimpleNamespace(model_id=synthetic_catalog.MODEL_ID, calibration=CURVE)
ERASED, LEFT = "video-0000", "video-0003"


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Four videos with three tracks each, and an index."""
    made = Catalog.create(
        tmp_path / "catalog",
        pack="toy",
        model_id=synthetic_catalog.MODEL_ID,
        dim=synthetic_catalog.DIM,
    )
    with CatalogWriter(made) as writer:
        for number in range(4):
            writer.add(synthetic_catalog.make_video(number, tracks=3, status="indexed"))
    rebuild(made)
    return made


def erase(catalog: Catalog, video_id: str) -> None:
    """Delete the rows of a video and remove the old files, as an erasure does."""
    other = Catalog.open(catalog.uri)
    for name in ("tracks", "faces", "files", "videos"):
        other.table(name).delete(f"video_id = '{video_id}'")
        other.table(name).drop_history()


@pytest.fixture
def erased_meanwhile(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Erase a video between the opening of the tables and the first read of their rows."""
    take, read = Snapshot.take, Table.dataset
    done: list[int] = []

    def erase_once() -> None:
        if not done:
            done.append(1)
            erase(catalog, ERASED)

    def taken(tables: Any) -> Snapshot:
        found = take(tables)
        erase_once()
        return found

    def dataset(table: Table, opened: Any) -> Any:
        erase_once()
        return read(table, opened)

    monkeypatch.setattr(Snapshot, "take", staticmethod(taken))
    monkeypatch.setattr(Table, "dataset", dataset)
    yield done
    assert done


def tracks_of(catalog: Catalog, video_id: str) -> list[str]:
    found: list[str] = catalog.tracks(["track_id"], video_ids=[video_id])["track_id"].to_pylist()
    return found


def names(rows: Any) -> set[str]:
    return set(rows["video_id"].to_pylist())


READS: dict[str, Callable[[Catalog], set[str]]] = {
    "videos": lambda c: names(c.videos(["video_id"])),
    "tracks": lambda c: names(c.tracks()),
    "faces": lambda c: names(c.faces(["video_id"])),
    "files": lambda c: names(c.table("files").read()),
    "known files": lambda c: {file.video_id for file in c.known_files().values()},
    "people page": lambda c: {
        card.video_id for group in unknown_people(c, CURVE).clusters for card in group
    },
}


@pytest.mark.parametrize("name", READS)
def test_a_read_beside_an_erasure_returns_the_rest(
    catalog: Catalog, erased_meanwhile: list[int], name: str
) -> None:
    assert READS[name](catalog) == {"video-0001", "video-0002", LEFT}


def test_a_search_beside_an_erasure_returns_no_erased_track(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    (track, *_) = tracks_of(catalog, LEFT)
    searcher = PhotoSearcher(catalog, MODELS)
    assert {hit.video_id for hit in searcher.search_faces([], tracks=[track]).hits} >= {ERASED}
    erase(catalog, ERASED)  # after the searcher opened its files
    result = searcher.search_faces([], tracks=[track])
    assert {hit.video_id for hit in result.hits} == {"video-0001", "video-0002", LEFT}
    assert result.coverage.videos == 3


def test_opening_a_searcher_beside_an_erasure(
    catalog: Catalog, erased_meanwhile: list[int]
) -> None:
    searcher = PhotoSearcher(catalog, MODELS)
    (track, *_) = tracks_of(catalog, LEFT)
    hits = searcher.search_faces([], tracks=[track]).hits
    assert ERASED not in {hit.video_id for hit in hits}
    assert len(hits) == 9


def test_status_repair_and_index_beside_an_erasure(
    catalog: Catalog, erased_meanwhile: list[int]
) -> None:
    assert Archive(catalog, MODELS).status().videos["indexed"] == 3
    assert repair(catalog).videos == 0
    assert remove_incomplete(catalog) == 0
    assert rebuild_if_stale(catalog).pending == 0


def test_a_rebuild_beside_an_erasure_holds_no_erased_track(
    catalog: Catalog, erased_meanwhile: list[int]
) -> None:
    rebuild(catalog)
    searcher = PhotoSearcher(catalog, MODELS)
    (track, *_) = tracks_of(catalog, LEFT)
    assert len(searcher.search_faces([], tracks=[track]).hits) == 9


def test_people_and_cards_beside_an_erasure(catalog: Catalog) -> None:
    add_person(catalog, "Ann")
    ids = [*tracks_of(catalog, ERASED), *tracks_of(catalog, LEFT)]
    erase(catalog, ERASED)
    assert list(judgements(catalog).names.values()) == ["Ann"]
    assert {card.video_id for card in track_cards(catalog, ids)} == {LEFT}


def test_a_deletion_whose_files_are_removed_meanwhile_is_repeated(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = catalog.table("tracks")
    open_to_write = Table._open_to_write
    done: list[int] = []

    def opened(self: Table) -> Any:
        found = open_to_write(self)
        if not done:
            done.append(1)
            erase(catalog, ERASED)
        return found

    monkeypatch.setattr(Table, "_open_to_write", opened)
    table.update("video_id = 'video-0001'", {"shot": "7"})
    assert set(catalog.tracks(["shot"], video_ids=["video-0001"])["shot"].to_pylist()) == {7}


def test_a_log_entry_removed_while_a_table_is_opened(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    import deltalake

    real, calls = deltalake.DeltaTable, []

    def opened(uri: str, **options: Any) -> Any:
        calls.append(uri)
        if len(calls) == 1:
            erase(catalog, ERASED)
            raise FileNotFoundError("_delta_log/00000000000000000003.json")
        return real(uri, **options)

    table = Catalog.open(catalog.uri).table("videos")
    monkeypatch.setattr(deltalake, "DeltaTable", opened)
    assert table.open().version() > 0


def test_erasures_without_end_are_said_without_advice_to_restore(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidsearch.catalog.commits._FIRST_WAIT_S", 0.0)
    take, calls = Snapshot.take, []

    def taken(tables: Any) -> Snapshot:
        found = take(tables)
        calls.append(1)
        table = Catalog.open(catalog.uri).table("videos")
        table.update("true", {"size": f"{len(calls)}"})
        table.drop_history()
        return found

    monkeypatch.setattr(Snapshot, "take", staticmethod(taken))
    with pytest.raises(CatalogChangedError, match="nothing is lost: repeat the command") as error:
        catalog.videos()
    assert "restore" not in str(error.value)
    assert len(calls) == 10


def test_damage_is_said_at_once(catalog: Catalog) -> None:
    for path in (Path(catalog.uri) / "tracks").glob("*.parquet"):
        path.unlink()
    start = time.monotonic()
    with pytest.raises(CatalogError, match="restore it from a copy") as error:
        Catalog.open(catalog.uri).tracks()
    assert not isinstance(error.value, CatalogChangedError)
    assert time.monotonic() - start < 5
