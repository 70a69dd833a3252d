"""Shared objects of one server: a catalog is opened again when its metadata changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.synthetic_catalog import DIM, MODEL_ID
from ui.service import shared
from vidsearch.catalog import Catalog
from vidsearch.catalog.versions import publish, stage
from vidsearch.errors import CatalogNotFoundError


def test_vectors_of_another_model_are_seen_at_once(tmp_path: Path) -> None:
    uri = str(tmp_path / "catalog")
    Catalog.create(uri, pack="toy", model_id=MODEL_ID, dim=DIM)
    first = shared.catalog(uri)
    assert shared.catalog(uri) is first
    publish(first, stage(first, "other", "other-8", 8), first.snapshot())
    assert shared.catalog(uri).meta.model_id == "other-8"


def test_a_catalog_removed_while_the_app_runs_is_an_error(tmp_path: Path) -> None:
    uri = str(tmp_path / "catalog")
    Catalog.create(uri, pack="toy", model_id=MODEL_ID, dim=DIM)
    shared.catalog(uri)
    shutil.rmtree(uri)
    for _ in range(2):
        with pytest.raises(CatalogNotFoundError, match="no catalog at"):
            shared.catalog(uri)
