"""Films that lie on their side without a tag are turned; all others stay as they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipelines.stages import decode_stream, index_video
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import SlicedVideo
from pipelines.stages.turning.film import TurnEvidence, detect, turn_of_long_video
from tests.helpers.videos import VideoSpec, write_video
from tests.inputs.turned_films import FILMS, FRAMES, Film, turned_images, write_film
from vidsearch.catalog.records import IndexedVideo
from vidsearch.datatypes import Detections, Image
from vidsearch.errors import VideoDecodeError
from vidsearch.models.registry import LoadedPack
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.video.clips import browser_media_type, cut_clip
from vidsearch.video.discover import VideoSource
from vidsearch.video.stills import still

BY_NAME = {film.name: film for film in FILMS}
CONTAINERS = ("upside down.avi", "right.ts", "left.webm")


class CountingDetector:
    """Detector that counts the looks at turned frames."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self.looks = 0

    def detect(self, image: Image) -> Detections:
        self.looks += 1
        found: Detections = self._detector.detect(image)
        return found


def evidence_of(images: list[Image], models: LoadedPack) -> TurnEvidence:
    evidence = TurnEvidence()
    for image in images:
        evidence.add(image, *detect(image, models.detector))
    return evidence


def source_of(path: Path) -> VideoSource:
    stat = path.stat()
    return VideoSource(str(path), stat.st_size, stat.st_mtime_ns)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_film_is_turned_only_if_all_of_it_lies(models: LoadedPack, name: str) -> None:
    film = BY_NAME[name]
    images = [np.asarray(image) for image in turned_images(film)[::5]]
    detector = CountingDetector(models.detector)
    assert evidence_of(images, models).turn_deg(detector) == film.turn_deg
    if film.name in {"upright.mp4", "empty.mp4", "tilted heads.mp4"}:
        assert detector.looks == 0  # an upright film costs nothing


@pytest.mark.parametrize(
    "name",
    [
        "left.mp4",
        *(pytest.param(name, marks=pytest.mark.slow) for name in CONTAINERS),
    ],
)
def test_a_film_that_lies_is_indexed_and_shown_upright(
    models: LoadedPack, tmp_path: Path, name: str
) -> None:
    film = BY_NAME[name]
    codec = {"left.webm": "libvpx", "upside down.avi": "mpeg4"}.get(name, "libx264")
    upright = index_video.run(
        source_of(write_film(tmp_path / "control.mp4", BY_NAME["upright.mp4"])),
        models,
        IndexConfig(),
    )
    path = write_film(tmp_path / name, film, codec)
    found = index_video.run(source_of(path), models, IndexConfig())
    assert isinstance(upright, IndexedVideo)
    assert isinstance(found, IndexedVideo)
    (stream,) = found.video.streams
    assert stream.turn_deg == film.turn_deg
    assert (found.video.width, found.video.height) == (320, 180)
    assert len(found.tracks) == len(upright.tracks) == 2
    for track, control in zip(found.tracks, upright.tracks, strict=True):
        assert (track.span.start_s, track.span.end_s) == pytest.approx(
            (control.span.start_s, control.span.end_s), abs=0.11
        )
        assert float(track.template.vector @ control.template.vector) > 0.9
        left, top, right, bottom = track.box_xyxy
        number = round(track.best_s * 10) % (FRAMES // 2)
        assert (left + right) / 2 == pytest.approx(140 + 2 * number, abs=15)
        assert (top + bottom) / 2 == pytest.approx(90 + number % 5, abs=15)
    read = ReadOptions(stream=stream.index, turn_deg=stream.turn_deg, seekable=stream.seekable)
    assert still(str(path), 1.0, read).shape == (180, 320, 3)
    assert browser_media_type(str(path), read) is None
    begins_s = cut_clip(str(path), 1.0, 1.5, tmp_path / "clip.mp4", read)
    clip = still(str(tmp_path / "clip.mp4"), 1.0 - begins_s)
    difference = np.abs(clip.astype(int) - still(str(path), 1.0, read)).mean()
    assert difference < 10


@pytest.mark.slow
def test_a_container_that_states_a_wrong_rotation_is_turned_back(
    models: LoadedPack, tmp_path: Path
) -> None:
    images = turned_images(BY_NAME["upright.mp4"])
    spec = VideoSpec(frames=FRAMES, size=(320, 180), turn=90)
    path = write_video(tmp_path / "a.mp4", spec, images)
    found = index_video.run(source_of(path), models, IndexConfig())
    assert isinstance(found, IndexedVideo)
    assert found.video.streams[0].turn_deg == 270
    assert (found.video.width, found.video.height) == (320, 180)


@pytest.mark.parametrize(
    "name", ["right.mp4", *(pytest.param(n, marks=pytest.mark.slow) for n in ("upright.mp4",))]
)
def test_a_long_video_is_turned_before_it_is_sliced(
    models: LoadedPack, tmp_path: Path, name: str
) -> None:
    film = BY_NAME[name]
    path = write_film(tmp_path / name, film)
    config = IndexConfig(slice_minutes=1 / 60)
    sliced = index_video.run(source_of(path), models, config, may_slice=True)
    assert isinstance(sliced, SlicedVideo)
    assert sliced.read.turn_deg == film.turn_deg
    assert (sliced.info.width, sliced.info.height) == (320, 180)


def test_places_of_a_video_that_cannot_be_read_decide_nothing(
    models: LoadedPack, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    assert turn_of_long_video(str(tmp_path / "a.mp4"), 60.0, DEFAULT_READ, models.detector) == 0


def test_a_backend_that_cannot_turn_refuses() -> None:
    config = IndexConfig(decoder="decord")
    with pytest.raises(VideoDecodeError, match="90 degrees, which decord cannot do; use the pyav"):
        decode_stream.turned("a.mp4", DEFAULT_READ, 90, config)


def test_a_detector_without_weak_detections_gives_none(models: LoadedPack) -> None:
    plain = SimpleNamespace(detect=models.detector.detect)
    image = np.asarray(turned_images(BY_NAME["upright.mp4"])[0])
    found, weak = detect(image, plain)
    assert len(found) == 1
    assert len(weak) == 0


def test_a_long_film_without_any_upright_face_is_looked_at_blindly(models: LoadedPack) -> None:
    evidence = TurnEvidence()
    lying = [np.asarray(image) for image in turned_images(Film(name="", quarter=2))[::3]]
    for number in range(200):
        evidence.add(lying[number % len(lying)], Detections.empty(), Detections.empty())
    detector = CountingDetector(models.detector)
    assert evidence.turn_deg(detector, blind_looks=3) == 180
    faceless = TurnEvidence()
    for _ in range(250):
        faceless.add(np.zeros((90, 160, 3), np.uint8), Detections.empty(), Detections.empty())
    detector.looks = 0
    assert faceless.turn_deg(detector) == 0
    assert detector.looks == 1  # one for every 200 frames
