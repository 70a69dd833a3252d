"""Casts of the demo: which people and photos an installation without InsightFace has."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from pipelines.demo.camera_moves import appearances
from pipelines.demo.cast import FULL, SMALL, installed_cast
from pipelines.demo.people import PICTURES, load_pictures
from vidsearch.errors import PhotoError


def hide(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec: Any = importlib.util.find_spec
    for module in ("cast", "people"):
        monkeypatch.setattr(
            f"pipelines.demo.{module}.find_spec",
            lambda name: None if name == package else find_spec(name),
        )


def test_the_photos_that_are_installed_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed_cast() is FULL
    hide("insightface", monkeypatch)
    assert installed_cast() is SMALL
    assert load_pictures(SMALL.pictures).keys() == SMALL.pictures
    with pytest.raises(PhotoError, match=r"t1.jpg of the package insightface; run: pip install .*"):
        load_pictures(FULL.pictures)


def test_everybody_of_the_small_cast_appears_wholly() -> None:
    found = appearances(SMALL.videos, SMALL.people)
    assert {a.person for a in found if a.certain is not None} == set(SMALL.people)
    assert len({video.name for video in SMALL.videos}) == len(SMALL.videos) == 4


def test_the_small_cast_needs_packages_of_every_installation() -> None:
    assert {PICTURES[name][0] for name in SMALL.pictures} == {"matplotlib", "skimage"}
