"""A clip at 1 and 2 frames a second, from reports about software of this kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inputs.conftest import PHOTO, CasesSearch

pytestmark = pytest.mark.media

# He is small and dark in the first shot.
CASES = {"fps1.mp4": [(0.0, 2.0), (4.0, 9.0)], "fps2.mp4": [(0.0, 1.5), (3.5, 8.0)]}


def test_his_tracks_end_where_he_does(search_cases: CasesSearch, media: Path) -> None:
    found = search_cases(*CASES)
    hits = found.archive.search(media / PHOTO).hits
    for name, spans in CASES.items():
        own = [hit for hit in hits if Path(hit.video).name == name and hit.confidence > 0.2]
        edges = sorted((hit.span.start_s, hit.span.end_s) for hit in own)
        assert edges == [pytest.approx(span, abs=0.01) for span in spans]
        assert max(hit.confidence for hit in own) > 0.99
