"""Tables by size, quality and confidence, and the worst queries, on results made by hand."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from vidsearch.catalog import Catalog
from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.evaluation.metrics.retrieval import Rankings
from vidsearch.evaluation.report import ImageRows
from vidsearch.evaluation.report.ranked_retrieval import RetrievalFigures
from vidsearch.evaluation.retrieval import slices
from vidsearch.evaluation.retrieval.labels import LabelledPerson, Labels, Query
from vidsearch.evaluation.retrieval.query_results import QueryResult, video_flags
from vidsearch.evaluation.retrieval.worst_queries import worst_queries


class FakeCatalog:
    """Columns that the tables read, for tracks of videos a, b and c."""

    def tracks(self, columns: list[str]) -> pa.Table:
        """Return quality 0.9 for every track."""
        rows = [{"track_id": f"{video}-track", "quality": 0.9} for video in "abc"]
        return pa.Table.from_pylist(rows).select(columns)

    def snapshot(self) -> FakeCatalog:
        """Return the same columns."""
        return self

    def best_faces(self, track_ids: set[str]) -> dict[str, bytes]:
        """Return the best face of each track."""
        return {track: f"{track}0".encode() for track in track_ids}

    def videos(self, columns: list[str], *, video_ids: set[str]) -> pa.Table:
        """Return the URI of each video."""
        rows = [{"video_id": video, "uri": f"/videos/{video}.mp4"} for video in sorted(video_ids)]
        return pa.Table.from_pylist(rows).select(columns)


CATALOG = cast("Catalog", FakeCatalog())
LABELS = Labels(
    {
        "Ann": LabelledPerson(1, [], {"a": [], "b": [], "d": []}),
        "Bob": LabelledPerson(2, [], {"c": []}),
        "Eve": LabelledPerson(3, [], {}),
    },
    timed=False,
)


def hit(video: str, confidence: float, height: float = 50) -> Hit:
    box: Any = np.array([0, 0, 10, height], np.float32)
    span = TimeSpan(0, 2)
    return Hit(1, confidence, confidence, video, video, f"{video}-track", span, 0, box)


@pytest.fixture
def present() -> list[QueryResult]:
    """Ann: a, c (wrong), b; d is not found. Bob: no face in the photo."""
    return [
        QueryResult(
            Query("ann.jpg", "Ann", ("ann.jpg",)),
            (hit("a", 0.95), hit("c", 0.8), hit("b", 0.6, height=100)),
            quality=0.8,
            face_height=120,
        ),
        QueryResult(Query("bob.jpg", "Bob", ("bob.jpg",)), (), no_face=("bob.jpg",)),
    ]


def test_confidence_counts_right_and_wrong_videos(present: list[QueryResult]) -> None:
    absent = [QueryResult(Query("eve.jpg", "Eve", ("eve.jpg",)), (hit("a", 0.92),))]
    table, levels = slices.confidence_table(present, absent, LABELS)
    # At 0.5: a and b are right, c is wrong; 2 of the 4 labelled videos are found; Eve has an alarm.
    assert table.rows[0] == (0.5, 2, 1, 2 / 3, 2 / 4, 1, 1)
    assert table.rows[2] == (0.99, 0, 0, None, 0.0, 0, 1)
    assert levels["0.9"] == {"right": 1, "wrong": 0, "absent_with_hit": 1}


def test_archive_slices_by_hand(present: list[QueryResult]) -> None:
    rows = slices.archive_slices(present, LABELS, CATALOG).rows
    by_height = {row[1]: row for row in rows if row[0] == "face height, pixels"}
    # Video a at rank 1: precision 1/1. Video b at rank 3 is the second right one: 2/3.
    assert by_height["40 to 80"][2] == 1
    assert by_height["80 to 160"][2] == pytest.approx(2 / 3)
    assert rows[-1] == ("no track at all, or no face to search with", "", 0.0, 0.0, 0.0, 2)


def test_query_slices_by_hand(present: list[QueryResult]) -> None:
    rows = slices.query_slices(present, [0.5, 0.0]).rows
    photos = [row for row in rows if row[0] == "photos in the query"]
    # A photo without a face does not count: Bob's query has none.
    assert [(row[1], row[2]) for row in photos] == [("0 to 1", 0.0), ("1 to 2", 0.5)]


def test_worst_queries_show_false_hits_and_missed_videos(present: list[QueryResult]) -> None:
    people = [LABELS.people[result.query.identity] for result in present]
    flags = [video_flags(r, p) for r, p in zip(present, people, strict=True)]
    rankings = Rankings.of(flags, [len(person.spans) for person in people])
    figures = RetrievalFigures.of(rankings, ["ann.jpg", "bob.jpg"], ["Ann", "Bob"])
    section = worst_queries(present, figures, LABELS, CATALOG, 5)
    assert section is not None
    (block,) = section.blocks
    assert isinstance(block, ImageRows)
    bob, ann = block.rows
    assert bob.note.endswith("no face was found in the photo")
    assert [image.label for image in bob.images] == ["searched for", "not found: c.mp4"]
    labels = [image.label for image in ann.images]
    assert labels[1].startswith("rank 2, ")
    assert labels[2:] == ["not found: d.mp4"]  # b is at rank 3 of 3 right videos
    assert [image.tone for image in ann.images] == ["plain", "bad", "good"]
    assert ann.images[1].jpeg == b"c-track0"


def test_perfect_queries_have_no_section(present: list[QueryResult]) -> None:
    figures = RetrievalFigures.of(Rankings.of([[1]], [1]), ["ann.jpg"], ["Ann"])
    assert worst_queries(present[:1], figures, LABELS, CATALOG, 5) is None
