"""What the tests of the catalog and of the index share: made-up videos."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from vidsearch.catalog import Catalog

_SYNTHETIC = Path(__file__).parent / "catalog" / "synthetic.py"


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module ``catalog/synthetic.py``, which is a script as well; ``__file__`` is its path."""
    spec = importlib.util.spec_from_file_location("synthetic", _SYNTHETIC)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["synthetic"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def catalog(tmp_path: Path, synthetic: ModuleType) -> Catalog:
    """An empty catalog for the made-up videos."""
    return Catalog.create(
        tmp_path / "catalog", pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
    )
