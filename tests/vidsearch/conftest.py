"""Fixtures of the library's tests: made-up catalogs and small models."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers import synthetic_catalog, toy_models
from vidsearch.catalog import Catalog
from vidsearch.models.registry import ModelHome


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module ``tests/helpers/synthetic_catalog.py``; it also runs as a script."""
    return synthetic_catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """An empty catalog for the made-up videos."""
    return Catalog.create(
        tmp_path / "catalog",
        pack="toy",
        model_id=synthetic_catalog.MODEL_ID,
        dim=synthetic_catalog.DIM,
    )


@pytest.fixture(scope="session")
def toys() -> ModuleType:
    """The module ``tests/helpers/toy_models.py``."""
    return toy_models


@pytest.fixture
def home(tmp_path: Path) -> ModelHome:
    """Model folders of the test's own; nothing is fetched."""
    return ModelHome(
        cache_dir=tmp_path / "cache", insightface_root=tmp_path / "insightface", download=False
    )
