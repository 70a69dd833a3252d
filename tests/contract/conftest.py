"""Gives the contract suites the helpers that live beside the tests of one package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

_FILMS = Path(__file__).parents[1] / "vidsearch" / "video" / "films.py"


@pytest.fixture(scope="session")
def films() -> ModuleType:
    """The module ``tests/vidsearch/video/films.py``."""
    spec = importlib.util.spec_from_file_location("films", _FILMS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["films"] = module
    spec.loader.exec_module(module)
    return module
