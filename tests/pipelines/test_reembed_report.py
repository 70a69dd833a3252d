"""Report of a re-embedding: a loss of accuracy is not hidden by rounding."""

from __future__ import annotations

import json

import pytest

from pipelines.reembed_report import MapComparison, ReembedReport
from pipelines.stages.stored_fit import StoredFaceFit


@pytest.mark.parametrize(
    ("old", "new", "fell"),
    [(0.8, 0.8, False), (0.8, 0.7999, True), (0.3, 0.1 + 0.2, False), (0.1 + 0.2, 0.3, False)],
)
def test_only_a_real_fall_counts(old: float, new: float, fell: bool) -> None:
    assert MapComparison(old=old, new=new, queries=5).fell is fell


def test_json_of_a_report() -> None:
    report = ReembedReport(
        catalog="/c",
        old_model="a",
        new_model="b",
        live=True,
        lost_videos=("v2", "v1"),
        map=MapComparison(old=0.5, new=0.75, queries=4),
        stored=StoredFaceFit(size=112, model_size=224, scale=2.0, outside=0.1),
    )
    plain = json.loads(json.dumps(report.to_json()))
    assert plain["lost_videos"] == ["v2", "v1"]
    assert plain["map"] == {"old": 0.5, "new": 0.75, "queries": 4, "change": 0.25}
    assert plain["stored"] == {"size": 112, "wanted": 224, "enlarged": 2.0, "outside": 0.1}
    bare = ReembedReport(catalog="/c", old_model="a", new_model="b", live=False).to_json()
    assert bare["map"] is bare["stored"] is None
