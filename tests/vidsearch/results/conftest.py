"""A small search result with every field set."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image as Pillow

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.results.result import Coverage, QueryPhoto, SearchResult

MakeHit: TypeAlias = Callable[..., Hit]


def make_hit(
    rank: int,
    confidence: float,
    video: str = "/videos/a.mp4",
    start_s: float = 1.25,
    person: str | None = None,
) -> Hit:
    """Return a hit of two seconds; the video id is made from the path."""
    return Hit(
        rank=rank,
        confidence=confidence,
        similarity=0.9 + confidence / 20,
        video=video,
        video_id=f"id of {video}",
        track_id=f"track-{rank}",
        span=TimeSpan(start_s, start_s + 2),
        best_s=start_s + 0.5,
        box_xyxy=np.array([10, 20.25, 110, 140], np.float32),
        person=person,
    )


@pytest.fixture
def hit() -> MakeHit:
    return make_hit


@pytest.fixture
def jpeg() -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8), (200, 120, 90)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def query_photo(jpeg: bytes) -> QueryPhoto:
    return QueryPhoto(
        photo="/photos/ada.jpg",
        box_xyxy=np.array([1, 2, 3, 4.5], np.float32),
        quality=0.93,
        faces_in_photo=2,
        warnings=(QueryWarning(WarningCode.SEVERAL_FACES, {"faces": 2}),),
        face_jpeg=jpeg,
    )


@pytest.fixture
def result(query_photo: QueryPhoto, jpeg: bytes) -> SearchResult:
    """Two likely appearances in one video, one in another, a weaker hit in a third."""
    return SearchResult(
        model_id="open-0123",
        query=(query_photo,),
        hits=(
            make_hit(1, 0.997, "/videos/b.mp4", 3661.0, person="Ada"),
            make_hit(2, 0.95, "/videos/a.mp4", 30.0),
            make_hit(3, 0.6, "/videos/b.mp4", 12.0),
            make_hit(4, 0.2, "/videos/c.mp4", 0.0),
        ),
        coverage=Coverage(tracks=1234, videos=3, duration_s=7325.5),
        thumbnails={"track-1": jpeg},
        durations_s={"id of /videos/b.mp4": 4000.0},
    )
