"""Films that change shape or lie on their side, from reports about software of this kind."""

from __future__ import annotations

import numpy as np
import pytest

from tests.inputs.conftest import CasesSearch
from vidsearch.video.stills import still

pytestmark = pytest.mark.media


def test_a_film_that_changes_shape_is_searched_as_its_part_alone(search_cases: CasesSearch) -> None:
    joined, alone = "shape_portrait_then_landscape.webm", "control_landscape_alone.webm"
    found = search_cases(joined, alone)
    (hit,), (control,) = found.hits[joined], found.hits[alone]
    assert found.spans(joined)[0] == pytest.approx((1.0, 3.0), abs=0.05)
    assert hit.confidence == pytest.approx(control.confidence, abs=0.01)
    assert hit.confidence == pytest.approx(0.99, abs=0.01)
    np.testing.assert_allclose(hit.box_xyxy, control.box_xyxy, atol=1.0)
    image = still(hit.video, hit.best_s, hit.read)
    expected = still(control.video, control.best_s, control.read)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 2


@pytest.mark.parametrize(("name", "turn_deg"), [("upsidedown.mp4", 180), ("sideways.mp4", 90)])
def test_a_film_that_lies_is_searched_as_the_upright_one(
    search_cases: CasesSearch, name: str, turn_deg: int
) -> None:
    found = search_cases(name, "control_upright.mp4")
    (hit,), (control,) = found.hits[name], found.hits["control_upright.mp4"]
    assert found.spans(name)[0] == pytest.approx((2.74, 7.04), abs=0.05)
    assert hit.confidence == pytest.approx(control.confidence, abs=0.01)
    assert hit.read.turn_deg == turn_deg
    image = still(hit.video, hit.best_s, hit.read)
    expected = still(control.video, control.best_s, control.read)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 4
    np.testing.assert_allclose(hit.box_xyxy, control.box_xyxy, atol=6)
