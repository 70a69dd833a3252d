"""Shared fixtures: where the real media are, and seeded randomness."""

from __future__ import annotations

import os

# Tests run side by side, one process a core: threads of arithmetic libraries that wait for each
# other by spinning would take the cores from one another. Before any of them is loaded.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# ruff: noqa: E402
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# A test is slow on a busy machine, not wrong: speed is measured in benchmarks/.
settings.register_profile("vidsearch", deadline=None)
settings.load_profile("vidsearch")

pytest_plugins = ["tests.helpers.demo_archive"]

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def media() -> Path:
    """Folder of the real clips and photos; the test is skipped where it is absent."""
    folder = Path(os.environ.get("VIDSEARCH_MEDIA", PROJECT.parent / "shared" / "media"))
    if not folder.is_dir():
        pytest.skip(f"real media not found at {folder}; set VIDSEARCH_MEDIA")
    return folder


@pytest.fixture(autouse=True)
def ordinary_priority() -> Iterator[None]:
    """Fail a test that makes its process a real-time one: those after it would starve others."""
    yield
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_240_531)
