"""Files of a table: filters on text, row groups by hand, and the state of the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from vidsearch.catalog.table_files import conjunction, log_state, row_groups_with, text_filter
from vidsearch.catalog.tables import Table
from vidsearch.storage.path import StoragePath

SCHEMA = pa.schema([("key", pa.string())])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_is_found_however_it_is_stored(kind: pa.DataType) -> None:
    table = pa.table({"key": pa.array(["a", "b", None, "é"], pa.string()).cast(kind)})
    found = ds.dataset(table).to_table(filter=text_filter("key", {"é", "b", "gone"}))
    assert found["key"].cast(pa.string()).to_pylist() == ["b", "é"]


def test_no_value_selects_no_row_and_no_filter_every_row() -> None:
    table = ds.dataset(pa.table({"key": ["a"], "other": ["x"]}))
    assert table.to_table(filter=text_filter("key", [])).num_rows == 0
    assert text_filter("key", None) is None
    both = conjunction(text_filter("key", ["a"]), text_filter("other", ["y"]))
    assert table.to_table(filter=both).num_rows == 0
    for left, right in ((None, text_filter("key", ["a"])), (text_filter("key", ["a"]), None)):
        assert table.to_table(filter=conjunction(left, right)).num_rows == 1
    assert conjunction(None, None) is None


@pytest.mark.parametrize(
    ("values", "groups"),
    [(["a"], [0]), (["c", "e"], [1, 2]), (["gone"], []), (["b", "d"], [0, 1])],
)
def test_row_groups_with_a_value(tmp_path: Path, values: list[str], groups: list[int]) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"key": list("abcde")}), path, row_group_size=2)
    (fragment,) = ds.dataset(path).get_fragments()
    parts: list[Any] = fragment.split_by_row_group()
    with pq.ParquetFile(path) as file:
        found = row_groups_with(file, parts, "key", pa.array(values))
        assert [part.row_groups[0].id for part in found] == groups
        # After a filter by statistics, the remaining groups need not begin with the first.
        last = row_groups_with(file, parts[1:], "key", pa.array(["a", "e"]))
        assert [part.row_groups[0].id for part in last] == [2]


def test_every_commit_and_clean_up_changes_the_state(tmp_path: Path) -> None:
    table = Table(StoragePath.of(tmp_path), "names")
    assert log_state(table.uri) is None
    table.create(SCHEMA)
    states = [log_state(table.uri)]
    for action in (
        lambda: table.append(pa.table({"key": ["a"]})),
        lambda: table.delete("key = 'a'"),
        table.drop_history,
    ):
        action()
        states.append(log_state(table.uri))
    assert len(set(states)) == 4
    assert None not in states
    assert states[-1] == log_state(table.uri)
