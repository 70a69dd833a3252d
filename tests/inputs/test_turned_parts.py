"""Parts of a film that lie while others are upright are named with their span and turn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from pipelines.commands.index import summary
from pipelines.stages.turning.film import detect
from pipelines.stages.turning.parts import PartEvidence, joined
from tests.helpers.index_reports import index_report
from tests.inputs.turned_films import FILMS, FRAMES, turned_images
from vidsearch.catalog.records import IndexedVideo, TurnedPart, VideoRecord
from vidsearch.catalog.schema import video_rows
from vidsearch.catalog.streams.notes import StreamNotes, notes_json, notes_of_rows
from vidsearch.datatypes import Detections, Frame, Image
from vidsearch.models.registry import LoadedPack

BY_NAME = {film.name: film for film in FILMS}
STEP = 6


def part(start_s: float, end_s: float, turn_deg: int) -> TurnedPart:
    return TurnedPart(start_s=start_s, end_s=end_s, turn_deg=turn_deg)


class CountingDetector:
    """Detector that counts the looks at turned frames."""

    def __init__(self, models: LoadedPack) -> None:
        self._detector = models.detector
        self.looks = 0

    def detect(self, image: Image) -> Detections:
        self.looks += 1
        return self._detector.detect(image)


def parts_of(shots: list[list[Image]], models: LoadedPack) -> tuple[tuple[TurnedPart, ...], int]:
    """Return the parts of a film at ten frames a second that lie, and the turned looks."""
    counting = CountingDetector(models)
    evidence = PartEvidence(counting)
    number = 0
    for shot, images in enumerate(shots):
        for image in images:
            frame = Frame(image, number, Fraction(1, 10), Fraction(0), shot, STEP)
            evidence.add(frame, *detect(image, models.detector))
            number += STEP
    return evidence.finish(number / 10), counting.looks


@cache
def shots_of(name: str) -> list[list[Image]]:
    images = [np.asarray(image) for image in turned_images(BY_NAME[name])]
    return [images[: FRAMES // 2 : STEP], images[FRAMES // 2 :: STEP]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upright.mp4", ()),
        pytest.param("tilted heads.mp4", (), marks=pytest.mark.slow),
        pytest.param("empty.mp4", (), marks=pytest.mark.slow),
        ("lying, then upright.mp4", (part(0.0, 1.2, 270),)),
        pytest.param("upright, then lying.mp4", (part(1.2, 2.4, 270),), marks=pytest.mark.slow),
        ("hanging, then upright.mp4", (part(0.0, 1.2, 180),)),
        pytest.param(
            "lying both ways.mp4",
            (part(0.0, 1.2, 270), part(1.2, 2.4, 90)),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_part_that_lies_is_found(
    models: LoadedPack, name: str, expected: tuple[TurnedPart, ...]
) -> None:
    found, looks = parts_of(shots_of(name), models)
    assert found == expected
    assert looks <= 2 * len(expected)  # an upright film costs nothing


def test_a_part_that_changes_the_shape_of_the_frame_is_found(models: LoadedPack) -> None:
    upright = shots_of("upright.mp4")
    lying = [np.ascontiguousarray(np.rot90(image)) for image in upright[0]]
    found, _ = parts_of([upright[1], lying, upright[0]], models)
    assert found == (part(1.2, 2.4, 270),)


def test_a_shot_with_an_upright_face_does_not_lie(models: LoadedPack) -> None:
    (lying, upright) = shots_of("lying, then upright.mp4")
    assert parts_of([[*upright, *lying[:2]]], models) == ((), 0)


def test_a_shot_without_a_face_is_looked_at_as_the_part_beside_it(models: LoadedPack) -> None:
    image = shots_of("hanging, then upright.mp4")[0][0]
    none = Detections.empty()
    evidence = PartEvidence(models.detector)
    for number, shot in enumerate((0, 0, 1, 1, 2, 2)):
        frame = Frame(image, number, Fraction(1), Fraction(0), shot, 1)
        evidence.add(frame, *(detect(image, models.detector) if shot == 1 else (none, none)))
    assert evidence.finish() == (part(0.0, 6.0, 180),)


def test_parts_of_slices_are_joined() -> None:
    parts = (part(10, 20, 90), part(0, 10, 90), part(20, 30, 180), part(40, 50, 180))
    assert joined(parts) == (part(0, 20, 90), part(20, 30, 180), part(40, 50, 180))


def test_the_catalog_and_the_report_name_the_part() -> None:
    lying = replace(part(0.0, 1.5, 90), stream=0)
    record = VideoRecord(
        video_id="a",
        uri="a.ts",
        size=1,
        mtime_ns=1,
        status="indexed",
        model_id="m",
        turned_parts=(lying,),
    )
    rows = video_rows([IndexedVideo(record)], "r").to_pylist()
    notes = notes_of_rows(rows)
    assert notes == (StreamNotes("a.ts", (), (), None, (lying,)),)
    assert notes_json((), (), notes, ())["turned_parts"] == [
        {"video": "a.ts", "stream": 0, "start_s": 0.0, "end_s": 1.5, "turn_deg": 90}
    ]
    report = index_report(tracks=0, faces=0, duration_s=2.0, turned_parts=notes)
    assert "parts of 1 video in which faces lie on their side or upside down" in summary(report)
