"""``catalog.json``: old formats stay readable, and no value leads out of the catalog."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vidsearch.catalog.meta import META_NAME, CatalogMeta, read_meta
from vidsearch.errors import CatalogError, CatalogVersionError, ConfigError
from vidsearch.storage.path import StoragePath

META = CatalogMeta(pack="open", model_id="m", dim=4, created="2024-05-31T12:00:00+00:00")
FORMAT_1 = {
    "format": "vidsearch-catalog",
    "format_version": 1,
    "pack": "open",
    "model_id": "m",
    "dim": 4,
    "created": "2024-05-31T12:00:00+00:00",
}


def read(folder: Path, content: Any) -> CatalogMeta:
    (folder / META_NAME).write_text(json.dumps(content))
    return read_meta(StoragePath.of(folder))


def test_a_catalog_of_format_1_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, FORMAT_1) == META


def test_the_lowest_format_is_written(tmp_path: Path) -> None:
    # An older vidsearch refuses a newer format, so format 2 is written only where it is needed.
    moved = replace(META, vectors="vectors-1-2")
    for meta, version in ((META, 1), (moved, 2)):
        assert json.loads(meta.to_bytes())["format_version"] == version
        assert read(tmp_path, json.loads(meta.to_bytes())) == meta


@pytest.mark.parametrize("vectors", ["../elsewhere", "/etc", "a/b", "..", ".hidden"])
def test_vectors_lie_in_the_catalog(tmp_path: Path, vectors: str) -> None:
    with pytest.raises(CatalogError, match="vectors must name a folder in the catalog"):
        read(tmp_path, {**FORMAT_1, "format_version": 2, "vectors": vectors})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim": 0}, "dim must be at least 1; got 0"),
        ({"pack": ""}, "pack and model_id must not be empty"),
        ({"model_id": ""}, "pack and model_id must not be empty"),
        ({"format": "something-else"}, "its format is not 'vidsearch-catalog'"),
        ({"dim": "many"}, "damaged .ValueError."),
        ({"format_version": None}, "damaged .TypeError."),
    ],
)
def test_a_damaged_value_is_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        read(tmp_path, {**FORMAT_1, **changes})
    assert "\n" not in str(caught.value)


def test_a_newer_format_is_not_taken_for_damage(tmp_path: Path) -> None:
    with pytest.raises(CatalogVersionError, match=r"has format 3; .* up to 2; upgrade vidsearch"):
        read(tmp_path, {"format": "vidsearch-catalog", "format_version": 3})


def test_wrong_arguments_are_refused_before_anything_is_written() -> None:
    with pytest.raises(ConfigError, match="dim must be at least 1; got -1"):
        replace(META, dim=-1)
