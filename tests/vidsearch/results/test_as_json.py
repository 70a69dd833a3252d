from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.results.as_json import to_json
from vidsearch.results.result import Coverage, QueryPhoto, SearchResult

names = st.text(st.characters(codec=None, exclude_characters="\0"), max_size=30)
finite = st.floats(-1e6, 1e6, width=32)
boxes = st.lists(finite, min_size=4, max_size=4).map(lambda b: np.array(b, np.float32))


@st.composite
def results(draw: st.DrawFn) -> SearchResult:
    hits = []
    for rank in range(1, draw(st.integers(0, 4)) + 1):
        start_s = draw(st.floats(0, 1e5))
        hits.append(
            Hit(
                rank,
                draw(st.floats(0, 1)),
                draw(st.floats(-1, 1)),
                draw(names),
                draw(names),
                draw(names),
                TimeSpan(start_s, start_s + draw(st.floats(0, 100))),
                start_s,
                draw(boxes),
                draw(st.none() | names),
            )
        )
    photo = QueryPhoto(draw(names), draw(boxes), draw(st.floats(0, 1)))
    return SearchResult(draw(names), (photo,), tuple(hits), Coverage(1, 1, 1.0))


def test_contract(result: SearchResult) -> None:
    """Keys, their order, and the rounding."""
    text = json.dumps(to_json(dataclasses.replace(result, hits=result.hits[:2])))
    assert text == (
        '{"model_id": "open-0123", "query": [{"photo": "/photos/ada.jpg", '
        '"box_xyxy": [1.0, 2.0, 3.0, 4.5], "quality": 0.93}], "hits": ['
        '{"rank": 1, "confidence": 0.997, "similarity": 0.94985, "video": "/videos/b.mp4", '
        '"video_id": "id of /videos/b.mp4", "track_id": "track-1", "start_s": 3661.0, '
        '"end_s": 3663.0, "best_s": 3661.5, "box_xyxy": [10.0, 20.2, 110.0, 140.0], '
        '"person": "Ada"}, '
        '{"rank": 2, "confidence": 0.95, "similarity": 0.9475, "video": "/videos/a.mp4", '
        '"video_id": "id of /videos/a.mp4", "track_id": "track-2", "start_s": 30.0, '
        '"end_s": 32.0, "best_s": 30.5, "box_xyxy": [10.0, 20.2, 110.0, 140.0], '
        '"person": null}]}'
    )


def test_no_hit(result: SearchResult) -> None:
    assert to_json(dataclasses.replace(result, hits=()))["hits"] == []


@given(results())
def test_round_trip(result: SearchResult) -> None:
    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    document = to_json(result)
    back = json.loads(json.dumps(document), parse_constant=refuse)
    assert back == document
    assert back["model_id"] == result.model_id
    for row, hit in zip(back["hits"], result.hits, strict=True):
        assert (row["video"], row["video_id"], row["track_id"], row["person"]) == (
            hit.video,
            hit.video_id,
            hit.track_id,
            hit.person,
        )
        assert row["confidence"] == pytest.approx(hit.confidence, abs=1e-6)
        assert row["similarity"] == pytest.approx(hit.similarity, abs=1e-6)
        assert row["start_s"] == pytest.approx(hit.span.start_s, abs=0.00051)
        assert row["end_s"] == pytest.approx(hit.span.end_s, abs=0.00051)
        assert row["box_xyxy"] == pytest.approx(hit.box_xyxy.tolist(), abs=0.0501)
        assert all(math.isfinite(side) for side in row["box_xyxy"])
