"""Films of few frames per second: cuts are found, tracks end where the person does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.demo.people import load_pictures
from pipelines.stages import faces
from tests.inputs.low_rates import FAMILY, LowRateFilm, at_a_place, variable, view
from vidsearch.datatypes import Image, TimeSpan, Track
from vidsearch.faces.track import Tracker
from vidsearch.models.registry import LoadedPack
from vidsearch.video.open import open_video
from vidsearch.video.sampling import FrameSampler
from vidsearch.video.shots import ShotDetector

Pictures = dict[str, Image]


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return load_pictures()


def tracks_of(path: Path, models: LoadedPack) -> list[Track]:
    with open_video(str(path)) as reader:
        tracker = Tracker(models.model_id, models.calibration.confidence)
        sampler = FrameSampler(reader)
        for frame in sampler:
            tracker.update(faces.run(frame, models, 90))
        return tracker.finish(sampler.shots)


def edges(tracks: list[Track]) -> list[float]:
    """Return start and end of every distinct span, in order of time."""
    found = sorted({(t.span.start_s, t.span.end_s) for t in tracks})
    return [edge for span in found for edge in span]


@pytest.mark.parametrize(
    "film",
    [
        pytest.param(film, id=film.name, marks=[pytest.mark.slow] if film.long else [])
        for film in FAMILY
    ],
)
def test_tracks_keep_to_the_shots_of_their_person(
    film: LowRateFilm, pictures: Pictures, models: LoadedPack, tmp_path: Path
) -> None:
    frame_s = float(1 / film.rate)
    found = tracks_of(film.write(tmp_path, pictures), models)
    appearances = film.appearances()
    shots = [TimeSpan(a.first * frame_s, a.end * frame_s) for a in appearances]
    for track in found:
        assert any(
            shot.start_s - 0.01 <= track.span.start_s and track.span.end_s <= shot.end_s + 0.01
            for shot in shots
        ), f"{track.span} runs over a cut"
    for shot in shots:
        inside = [t for t in found if shot.start_s - 0.01 <= t.span.start_s < shot.end_s]
        longest = max(inside, key=lambda t: t.span.end_s - t.span.start_s)
        assert longest.span.start_s == pytest.approx(shot.start_s, abs=frame_s + 0.01)
        assert longest.span.end_s == pytest.approx(shot.end_s, abs=frame_s + 0.01)


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_every_cut_is_found_behind_bars_at_the_edges(rate: int, pictures: Pictures) -> None:
    detector = ShotDetector()
    windows = ["Ann", "Ann", "Bea", "cup", "cup", "Cid", "rocket", "Ann", "Bea", "Bea"]
    found: list[int] = []
    for number, window in enumerate(windows):
        frame = view(pictures, window, shift=number, part=0.5)
        found += detector.push(_thumbnail(frame), 1 / rate)
    assert found + detector.finish() == [2, 3, 5, 6, 7, 8]


def test_a_turning_camera_is_no_cut(pictures: Pictures) -> None:
    photo = pictures["group"]
    detector = ShotDetector()
    found: list[int] = []
    for number in range(8):
        left = 60 * number
        found += detector.push(_thumbnail(photo[200:540, left : left + 600]), 1.0)
    assert found + detector.finish() == []


def test_the_same_frames_close_in_time_keep_the_rule_for_flashes(pictures: Pictures) -> None:
    windows = ["Ann"] * 6 + ["Bea"] + ["Ann"] * 6
    for interval_s, cuts in ((0.04, []), (0.5, [6, 7])):
        detector = ShotDetector()
        found = [
            cut
            for window in windows
            for cut in detector.push(_thumbnail(view(pictures, window)), interval_s)
        ]
        assert found + detector.finish() == cuts


def test_a_person_walks_through_at_three_frames_a_second(
    pictures: Pictures, models: LoadedPack, tmp_path: Path
) -> None:
    images = []
    for number in range(24):
        x = 50 + 24 * (number - 6)
        person = "Ann" if 6 <= number < 16 else None
        images.append(at_a_place(pictures, person, (x, 90)))
    path = variable(tmp_path / "walk.mp4", images, [number / 3 for number in range(25)])
    found = tracks_of(path, models)
    assert min(t.span.start_s for t in found) == pytest.approx(2.0, abs=0.35)
    assert max(t.span.end_s for t in found) == pytest.approx(16 / 3, abs=0.35)
    assert len(found) == 1


@pytest.mark.parametrize(
    "step_s",
    [5.0, pytest.param(1.0, marks=pytest.mark.slow), pytest.param(60.0, marks=pytest.mark.slow)],
)
def test_another_person_at_the_same_place_is_another_track(
    step_s: float, pictures: Pictures, models: LoadedPack, tmp_path: Path
) -> None:
    people = ["Ann"] * 4 + ["Bea"] * 4 + [None]
    images = [at_a_place(pictures, person) for person in people]
    path = variable(tmp_path / "seat.mp4", images, [step_s * n for n in range(len(people) + 1)])
    found = tracks_of(path, models)
    assert edges(found) == pytest.approx([0.0, 4 * step_s, 4 * step_s, 8 * step_s], abs=0.02)
    first, second = (track.template.vector for track in found)
    assert float(first @ second) < 0.9


@pytest.mark.parametrize("name", ["slides.mp4", "slides.mkv"])
def test_a_still_picture_counts_for_the_time_it_is_shown(
    name: str, pictures: Pictures, models: LoadedPack, tmp_path: Path
) -> None:
    images = [view(pictures, window) for window in ("cup", "Ann", "rocket", "Bea", "cup")]
    path = variable(tmp_path / name, images, [0.0, 3.0, 63.0, 64.0, 94.0, 95.0])
    assert edges(tracks_of(path, models)) == pytest.approx([3.0, 63.0, 64.0, 94.0], abs=0.02)


def test_a_frozen_picture_between_moving_ones_is_sampled(
    pictures: Pictures, models: LoadedPack, tmp_path: Path
) -> None:
    """The picture begins right after a multiple of half a second and fills the next ones."""
    moving = [view(pictures, "cup", shift=number) for number in range(11)]
    times = [number / 10 for number in range(11)] + [1.1]
    images = [*moving, view(pictures, "Ann"), *moving]
    times += [31.1 + number / 10 for number in range(12)]
    found = tracks_of(variable(tmp_path / "screen.mp4", images, times), models)
    assert edges(found) == pytest.approx([1.1, 31.1], abs=0.02)


@pytest.mark.parametrize(
    ("name", "pause_s", "rate"),
    [
        ("camera.mkv", 20.0, 10),
        pytest.param("camera.flv", 20.0, 10, marks=pytest.mark.slow),
        ("camera.ts", 8.0, 10),
        pytest.param("camera.mpg", 8.0, 25, marks=pytest.mark.slow),
        pytest.param("camera.webm", 20.0, 10, marks=pytest.mark.slow),
        pytest.param("slow.mkv", 20.0, 1, marks=pytest.mark.slow),
    ],
)
def test_nobody_is_seen_through_a_pause(
    name: str, pause_s: float, rate: int, pictures: Pictures, models: LoadedPack, tmp_path: Path
) -> None:
    images = [view(pictures, "Ann", shift=number) for number in range(12)]
    images += [view(pictures, "cup", shift=number) for number in range(12)]
    times = [number / rate for number in range(12)]
    times += [times[-1] + pause_s + number / rate for number in range(13)]
    codec = "libvpx" if name.endswith("webm") else "libx264"
    found = tracks_of(variable(tmp_path / name, images, times, codec=codec), models)
    assert edges(found) == pytest.approx([0.0, 12 / rate], abs=0.06)


@pytest.mark.parametrize("name", ["slides.mkv", pytest.param("slides.ts", marks=pytest.mark.slow)])
def test_a_new_picture_before_a_long_interval_is_shown_through_it(
    name: str, pictures: Pictures, models: LoadedPack, tmp_path: Path
) -> None:
    images = [view(pictures, "cup", shift=number) for number in range(8)]
    images += [view(pictures, "Ann"), *images]
    times = [number / 10 for number in range(9)] + [9.8 + number / 10 for number in range(9)]
    found = tracks_of(variable(tmp_path / name, images, times), models)
    assert edges(found) == pytest.approx([0.8, 9.8], abs=0.06)


def _thumbnail(image: Image) -> Image:
    import cv2

    small = cv2.resize(image, ShotDetector.thumbnail_wh, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small)
