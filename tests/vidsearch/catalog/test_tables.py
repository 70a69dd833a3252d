"""A Delta table: hostile values stay values, and missing columns get nulls."""

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vidsearch.catalog.table_files import sql_text
from vidsearch.catalog.tables import Table
from vidsearch.storage.path import StoragePath

SCHEMA = pa.schema([("key", pa.string()), ("value", pa.int64())])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Table:
    table = Table(StoragePath.of(tmp_path_factory.mktemp("catalog")), "names")
    table.create(SCHEMA)
    table.append(rows(kept=1))
    return table


@pytest.fixture
def table(tmp_path: Path) -> Table:
    made = Table(StoragePath.of(tmp_path), "names")
    made.create(SCHEMA)
    return made


def rows(**values: int | None) -> pa.Table:
    return pa.Table.from_pylist([{"key": k, "value": v} for k, v in values.items()], SCHEMA)


def content(table: Table) -> dict[str, int | None]:
    return {row["key"]: row["value"] for row in table.read().to_pylist()}


@example("' OR '1' = '1")
@example("'; --")
@example("''")
@example("\\'")
@example("a\x00b")
@given(st.text("'\\ab;-%\u00e9\x00 ", max_size=20))
def test_a_literal_is_one_text(text: str) -> None:
    literal = sql_text(text)
    assert literal[0] == literal[-1] == "'"
    assert "'" not in literal[1:-1].replace("''", "")
    assert literal[1:-1].replace("''", "'") == text


@pytest.mark.parametrize("nasty", ["' OR '1' = '1", "a\\' OR true --", "é'", "%", "kept' --"])
def test_a_hostile_key_deletes_its_own_row_only(shared: Table, nasty: str) -> None:
    shared.append(pa.Table.from_pylist([{"key": nasty, "value": 2}], SCHEMA))
    assert shared.delete(f"key = {sql_text(nasty)}") == 1
    assert content(shared) == {"kept": 1}


def test_a_merge_replaces_only_where_its_condition_holds(table: Table) -> None:
    table.append(rows(a=5, b=5))
    table.merge(rows(a=9, b=1, c=2), "key", "new.value > old.value")
    assert content(table) == {"a": 9, "b": 5, "c": 2}


def test_columns_of_a_newer_version_are_added_once_and_filled_with_null(table: Table) -> None:
    table.append(rows(a=1))
    newer = SCHEMA.append(pa.field("note", pa.string()))
    table.add_missing_columns(newer)
    version = table.open().version()
    table.add_missing_columns(newer)
    assert table.open().version() == version, "nothing is missing any more"
    table.append(rows(b=2))  # an older vidsearch still writes its own columns
    found = {row["key"]: row["note"] for row in table.read().to_pylist()}
    assert found == {"a": None, "b": None}


def test_creating_again_keeps_the_rows(table: Table) -> None:
    table.append(rows(a=1))
    table.create(SCHEMA)
    assert content(table) == {"a": 1}


def test_a_copy_in_another_process_reads_the_newest_rows(table: Table) -> None:
    table.append(rows(a=1))
    assert content(table) == {"a": 1}
    copy = pickle.loads(pickle.dumps(table))
    table.append(rows(b=2))
    assert content(copy) == {"a": 1, "b": 2}
    assert copy.uri == table.uri


def test_no_row_is_no_commit(table: Table) -> None:
    version = table.open().version()
    table.append(rows())
    table.merge(rows(), "key", "true")
    assert table.open().version() == version


def test_old_rows_are_not_in_the_files_after_the_history_is_dropped(
    table: Table, tmp_path: Path
) -> None:
    table.append(rows(secret=1))
    table.append(rows(kept=2))
    table.delete("key = 'secret'")
    table.drop_history()
    assert content(table) == {"kept": 2}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"secret" in path.read_bytes()]
