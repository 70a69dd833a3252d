"""A table is opened again only after a commit."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.people import add_person, judgements
from vidsearch.errors import CatalogError


@pytest.fixture
def catalog(tmp_path: Path, synthetic: ModuleType) -> Catalog:
    catalog = Catalog.create(tmp_path / "c", pack="toy", model_id=synthetic.MODEL_ID, dim=16)
    with CatalogWriter(catalog) as writer:
        writer.add(synthetic.make_video(0, tracks=2))
    return catalog


def test_a_commit_of_another_writer_is_visible_at_once(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    before = catalog.snapshot()
    assert catalog.snapshot().opened["videos"] is before.opened["videos"]
    with CatalogWriter(Catalog.open(catalog.uri)) as writer:
        writer.add(synthetic.make_video(1, tracks=3))
    assert catalog.snapshot().tracks().num_rows == 5
    assert before.tracks().num_rows == 2, "a snapshot does not change"
    add_person(Catalog.open(catalog.uri), "Ada")
    assert list(judgements(catalog).names.values()) == ["Ada"]


def test_a_dropped_history_is_not_read(catalog: Catalog) -> None:
    assert catalog.snapshot().tracks().num_rows == 2
    other = Catalog.open(catalog.uri)
    other.table("tracks").delete("start_s = 0")
    for name in other.table_names:
        other.table(name).drop_history()
    assert catalog.snapshot().tracks().num_rows == 1
    assert catalog.snapshot().faces().num_rows == 4


def test_the_open_table_is_not_pickled(catalog: Catalog) -> None:
    catalog.snapshot()
    table = pickle.loads(pickle.dumps(catalog.table("videos")))
    assert table == catalog.table("videos")
    assert table.read().num_rows == 1


def test_a_removed_table_is_an_error(catalog: Catalog) -> None:
    catalog.snapshot()
    shutil.rmtree(Path(catalog.uri) / "videos" / "_delta_log")
    with pytest.raises(CatalogError, match="cannot be read"):
        catalog.snapshot()
