"""Fit of stored faces to another model's input."""

from __future__ import annotations

import pytest

from pipelines.stages.stored_fit import stored_face_fit
from vidsearch.faces.geometry.align import ARCFACE_112, AlignmentTemplate


def template(size: int, scale: float, shift: float = 0.0) -> AlignmentTemplate:
    """Return ArcFace's points, scaled and shifted, in an image of another size."""
    points = tuple((x * scale + shift, y * scale + shift) for x, y in ARCFACE_112.points)
    return AlignmentTemplate("other", size, points)


def test_the_same_alignment_fits_exactly() -> None:
    fit = stored_face_fit(ARCFACE_112, ARCFACE_112)
    assert fit.scale == pytest.approx(1.0, abs=1e-4)
    assert fit.outside == pytest.approx(0.0, abs=0.02)


def test_a_larger_input_is_enlarged() -> None:
    fit = stored_face_fit(ARCFACE_112, template(224, 2.0))
    assert (fit.size, fit.model_size) == (112, 224)
    assert fit.scale == pytest.approx(2.0, abs=1e-3)
    assert fit.outside == pytest.approx(0.0, abs=0.02)


def test_an_input_that_shows_more_than_was_stored() -> None:
    # The face is moved by 56 pixels into an input of 224: 112 x 112 of 224 x 224 are stored.
    fit = stored_face_fit(ARCFACE_112, template(224, 1.0, shift=56))
    assert fit.scale == pytest.approx(1.0, abs=1e-3)
    assert fit.outside == pytest.approx(0.75, abs=0.02)


def test_a_margin_covers_a_wider_input() -> None:
    # Stored with 16 pixels of margin on each side, so the same input lies inside.
    stored = template(144, 1.0, shift=16)
    assert stored_face_fit(stored, ARCFACE_112).outside == 0.0
