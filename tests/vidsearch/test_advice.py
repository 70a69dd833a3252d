"""Threshold advice of a catalog."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from vidsearch import advice
from vidsearch.catalog import Catalog, CatalogWriter, IndexedVideo
from vidsearch.catalog.people import add_person, judge
from vidsearch.metrics.false_hits import ImpostorTail, ThresholdAdvice
from vidsearch.models.calibration import Calibration
from vidsearch.results import to_json, to_text
from vidsearch.results.result import Searched, SearchResult

CURVE = Calibration(slope=10.0, intercept=-5.0, fitted_on="a test", pairs=2)


def together(synthetic: ModuleType, number: int, similarities: list[float]) -> IndexedVideo:
    """A video with one track, and one more a similarity, whose faces share its frames."""
    video = synthetic.make_video(number, tracks=1 + len(similarities), status="indexed")
    base = np.zeros(synthetic.DIM, np.float32)
    base[0] = 1
    tracks = []
    for at, track in enumerate(video.tracks):
        vector = base.copy()
        if at:
            vector[:] = 0
            vector[0] = similarities[at - 1]
            vector[at] = np.sqrt(1 - similarities[at - 1] ** 2)
        template = dataclasses.replace(track.template, vector=vector)
        # All are seen in the frame at 1.0 s; what else they are seen in differs.
        faces = tuple(
            dataclasses.replace(face, time_s=1.0 if n == 0 else 2.0 + at)
            for n, face in enumerate(track.faces)
        )
        tracks.append(dataclasses.replace(track, template=template, faces=faces))
    return IndexedVideo(video.video, tuple(tracks))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "FEWEST", 3)


@pytest.mark.usefixtures("few")
def test_pairs_seen_in_one_frame(catalog: Catalog, synthetic: ModuleType) -> None:
    with CatalogWriter(catalog) as writer:
        writer.add(together(synthetic, 0, [0.95, 0.2]))
        writer.add(synthetic.make_video(1, tracks=1))  # nobody else is there: no pair
    # With prior 0.5 the bars are 0.5, 0.72 and 0.96; pairs: 0.95, 0.2 and their product 0.19.
    tail = advice.archive_tail(catalog, catalog.snapshot(), CURVE, 0.5)
    assert tail is not None
    assert (tail.together, tail.labelled, tail.reached) == (3, 0, (1, 1, 0))
    # With prior 0.01 the bar of 0.5 is 0.5 + ln(99)/10 = 0.9595.
    tail = advice.archive_tail(catalog, catalog.snapshot(), CURVE, 0.01)
    assert tail is not None
    assert tail.reached == (0, 0, 0)


@pytest.mark.usefixtures("few")
def test_it_is_kept_until_the_tables_change(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CatalogWriter(catalog) as writer:
        writer.add(together(synthetic, 0, [0.95, 0.2]))
    first = advice.archive_tail(catalog, catalog.snapshot(), CURVE, 0.5)
    measured: list[int] = []
    measure = advice._measure

    def counting(*arguments: Any) -> Any:
        measured.append(1)
        return measure(*arguments)

    monkeypatch.setattr(advice, "_measure", counting)
    assert advice.archive_tail(catalog, catalog.snapshot(), CURVE, 0.5) == first
    assert not measured
    with CatalogWriter(catalog) as writer:
        writer.add(together(synthetic, 2, [0.9]))
    tail = advice.archive_tail(catalog, catalog.snapshot(), CURVE, 0.5)
    assert measured
    assert tail is not None
    assert (tail.together, tail.reached) == (4, (2, 2, 0))


@pytest.mark.usefixtures("few")
def test_labelled_people_count_too(catalog: Catalog, synthetic: ModuleType) -> None:
    with CatalogWriter(catalog) as writer:
        for number in (0, 1, 2):
            writer.add(synthetic.make_video(number, tracks=1))
    ids = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())
    one, other = add_person(catalog, "One"), add_person(catalog, "Other")
    judge(catalog, ids[:1], one, same=True)
    judge(catalog, ids[1:2], other, same=True)
    judge(catalog, ids[2:], one, same=False)
    judge(catalog, ids[2:], other, same=False)
    tail = advice.archive_tail(catalog, catalog.snapshot(), CURVE, 0.5)
    assert tail is not None
    # One and Other; the third track is neither.
    assert (tail.together, tail.labelled) == (0, 3)


def test_too_few_pairs_say_nothing(catalog: Catalog, synthetic: ModuleType) -> None:
    with CatalogWriter(catalog) as writer:
        writer.add(together(synthetic, 0, [0.95]))
    assert advice.archive_tail(catalog, catalog.snapshot(), CURVE, 0.5) is None


def test_how_it_is_said() -> None:
    tail = ImpostorTail(1000, 0, (2, 0, 0))
    result = SearchResult("m", (), (), Searched(500, 3, 60.0), advice=ThresholdAdvice(500, tail))
    text = " ".join(to_text(result).split())
    assert "by confidence: 1.0 from 0.5 (with doubt 3.1), 0 from 0.9 (with doubt 1.5)" in text
    assert "1,000 pairs of people seen together" in text
    assert to_json(result)["false_hits"]["levels"][0] == {
        "confidence": 0.5, "expected": 1.0, "at_most": 3.1479,
    }  # fmt: skip
