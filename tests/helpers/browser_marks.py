"""Marks of every test that drives a browser."""

from __future__ import annotations

import pytest

BROWSER = [pytest.mark.browser, pytest.mark.timeout(300)]
