"""Gives the tests of this folder the film maker, which has no package to be imported from."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def films() -> ModuleType:
    """The module ``films.py``."""
    path = Path(__file__).with_name("films.py")
    spec = importlib.util.spec_from_file_location("films", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["films"] = module
    spec.loader.exec_module(module)
    return module
