"""Posters flagged as the film, from reports about software of this kind."""

from __future__ import annotations

import pytest

from tests.inputs.conftest import CasesSearch

pytestmark = pytest.mark.media

COVERS = ("cover_default_first.mkv", "cover_both_default.mkv")


def test_a_poster_is_not_the_film(search_cases: CasesSearch) -> None:
    found = search_cases(*COVERS, "control_2s.mp4")
    (control,) = found.hits["control_2s.mp4"]
    rows = {
        row["uri"].rsplit("/", 1)[-1]: row for row in found.archive.catalog.videos().to_pylist()
    }
    for name in COVERS:
        (hit,) = found.hits[name]
        assert found.spans(name) == [pytest.approx((0.0, 2.0), abs=0.05)]
        assert hit.confidence == pytest.approx(control.confidence, abs=0.001)
        row = rows[name]
        assert (row["width"], row["height"], row["frames_decoded"]) == (480, 270, 60)
        assert len(row["streams"]) == 1
