"""Marks of every test that drives a browser."""

from __future__ import annotations

import pytest

BROWSER = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("browser"),  # one server and one Chromium at a time
]
