"""Films that change size, shape, pixel aspect or rotation: every frame in its own upright size."""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.videos import corner_names, read_number
from tests.inputs.geometry_films import (
    FILMS,
    FRAMES,
    LANDSCAPE,
    PORTRAIT,
    STEP,
    TINY,
    VP8,
    Film,
    Part,
)
from tests.inputs.written import Written, written_once
from vidsearch.read_options import ReadOptions
from vidsearch.video.clips import cut_clip
from vidsearch.video.open import open_video
from vidsearch.video.pyav.reader import PyAVReader
from vidsearch.video.sampling import FrameSampler, SamplingConfig
from vidsearch.video.slices import SliceSampler
from vidsearch.video.stills import still

BY_NAME = {film.name: film for film in FILMS}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Function from the name of a film to its file."""
    return written_once(tmp_path_factory.mktemp("films"), {film.name: film.save for film in FILMS})


@pytest.mark.parametrize("name", BY_NAME)
def test_every_frame_is_upright_in_its_own_size(written: Written, name: str) -> None:
    film = BY_NAME[name]
    with open_video(str(written(name))) as reader:
        frames = list(reader.decode())
        assert (reader.info.width, reader.info.height) == film.parts[0].shown
        assert not reader.report().partly_read
    assert len(frames) == FRAMES * len(film.parts)
    for number, frame in enumerate(frames):
        part = film.parts[number // FRAMES]
        image = frame.rgb()
        assert image.shape == (*part.shown[::-1], 3)
        assert (frame.geometry.width, frame.geometry.height) == part.shown
        assert frame.geometry.rotation == part.rotation
        if part != TINY:
            assert read_number(image) == number % FRAMES
            assert corner_names(image) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_shot_starts_where_the_geometry_changes(written: Written, name: str) -> None:
    film = BY_NAME[name]
    with open_video(str(written(name))) as reader:
        sampler = FrameSampler(reader)
        sizes = [(frame.shot, frame.image.shape) for frame in sampler]
    for _, same_shot in groupby(sizes, key=lambda item: item[0]):
        assert len({shape for _, shape in same_shot}) == 1
    starts = [span.start_s for span in sampler.shots]
    changes = [float(number * FRAMES * STEP) for number in range(len(film.parts))]
    for change in changes:
        assert min(abs(start - change) for start in starts) < 0.01
    assert all(a.end_s == b.start_s for a, b in pairwise(sampler.shots))


@pytest.mark.parametrize("name", ["turned phone.webm", "new SPS.mkv", "new SPS.mp4"])
def test_a_slice_finds_the_changes_too(written: Written, name: str) -> None:
    film = BY_NAME[name]
    path = str(written(name))
    with open_video(path) as reader:
        cuts = reader.keyframe_cuts(float(FRAMES * STEP))
    assert cuts
    starts: list[float] = []
    for begin, end in zip((None, *cuts), (*cuts, None), strict=True):
        with open_video(path) as reader:
            sampler = SliceSampler(reader, SamplingConfig(), begin, end)
            list(sampler)
            starts += [shot.time_s for shot in sampler.reading.shots]
    changes = [float(number * FRAMES * STEP) for number in range(len(film.parts))]
    assert starts == pytest.approx(changes, abs=0.01)


@pytest.mark.parametrize("name", ["turned phone.webm", "joined.ts", "camera.avi", "dvb.mpg"])
def test_a_still_has_the_size_of_its_time(written: Written, name: str) -> None:
    film = BY_NAME[name]
    for number, part in enumerate(film.parts):
        image = still(str(written(name)), float((number * FRAMES + 5) * STEP))
        assert image.shape == (*part.shown[::-1], 3)
        assert read_number(image) == 5


@pytest.mark.parametrize("name", ["turned phone.webm", "new SPS.mkv", "joined.ts", "dvb.mpg"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_clip_has_the_shape_of_its_moment(
    written: Written, tmp_path: Path, name: str, number: int
) -> None:
    part = BY_NAME[name].parts[number]
    moment_s = float((number * FRAMES + 4) * STEP)
    target = tmp_path / "clip.mp4"
    begins_s = cut_clip(str(written(name)), moment_s, moment_s + 0.1, target)
    # Several decoder threads learn of a new pixel aspect a few frames early or late.
    assert begins_s == pytest.approx(float(number * FRAMES * STEP), abs=0.21)
    image = still(str(target), moment_s - begins_s)
    assert image.shape[:2] == tuple(side // 2 * 2 for side in part.shown[::-1])
    assert read_number(image) == 4


def test_a_clip_puts_borders_around_frames_of_another_shape(
    written: Written, tmp_path: Path
) -> None:
    target = tmp_path / "clip.mp4"
    cut_clip(str(written("turned phone.webm")), 0.0, 0.5, target)
    later = still(str(target), float((FRAMES + 5) * STEP))
    height = round(96 * LANDSCAPE.shown[1] / LANDSCAPE.shown[0])
    top = (160 - height) // 2
    assert later.shape == (160, 96, 3)
    assert read_number(later[top : top + height]) == 5
    assert later[: top - 2].max() < 40
    assert later[top + height + 2 :].max() < 40


@pytest.mark.parametrize("turn_deg", [0, 90, 180, 270])
def test_a_turn_follows_the_rotation_of_the_container(tmp_path: Path, turn_deg: int) -> None:
    upright = Film(name="a.webm", parts=(PORTRAIT,), write=VP8)
    path = tmp_path / upright.name
    upright.write(path, upright.parts)
    with open_video(str(path)) as reader:
        plain = next(reader.decode()).rgb()
    with open_video(str(path), options=ReadOptions(turn_deg=turn_deg)) as reader:
        frame = next(reader.decode())
        assert reader.info.rotation == frame.geometry.rotation == turn_deg
        assert reader.read_options.turn_deg == turn_deg
        np.testing.assert_array_equal(frame.rgb(), np.rot90(plain, turn_deg // 90))
        assert (reader.info.height, reader.info.width) == frame.rgb().shape[:2]


def test_frames_above_the_limit_are_missing_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "grows.webm"
    VP8(path, (LANDSCAPE, Part(size=(640, 480), shown=(640, 480)), LANDSCAPE))
    with PyAVReader(str(path), max_pixels=200 * 150) as reader:
        shapes = {frame.rgb().shape for frame in reader.decode()}
        report = reader.report()
    assert shapes == {(96, 160, 3)}
    assert report.partly_read
