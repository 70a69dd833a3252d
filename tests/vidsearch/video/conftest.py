"""Fixtures of the video tests."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.helpers import videos


@pytest.fixture(scope="session")
def films() -> ModuleType:
    """The module ``tests/helpers/videos.py``."""
    return videos
