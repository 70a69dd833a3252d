"""Names of versioned folders: unique, sorted by time, readable again."""

from __future__ import annotations

import pytest

from vidsearch.storage.version_name import VersionName


def test_a_new_name_is_read_back() -> None:
    name = VersionName.new("gen")
    assert VersionName.parse(str(name), "gen") == name


def test_names_sort_by_time_even_if_the_clock_was_set_back() -> None:
    far_ahead = 1 << 46  # the year 4199
    first = VersionName.new("vectors", after_ms=far_ahead)
    second = VersionName.new("vectors", after_ms=first.created_ms)
    assert far_ahead < first.created_ms < second.created_ms
    assert str(first) < str(second)


def test_names_of_one_moment_differ() -> None:
    assert len({VersionName.new("gen").token for _ in range(100)}) == 100


def test_a_token_can_be_given() -> None:
    assert str(VersionName.new("gen", "probe")).endswith("-probe")


@pytest.mark.parametrize(
    "name",
    ["", "gen", "gen-", "gen-xyz-1", "gen-1", "vectors-1-1", "gen-1-", "xgen-1-1", "GEN-1-1"],
)
def test_other_names_are_not_versions(name: str) -> None:
    assert VersionName.parse(name, "gen") is None
