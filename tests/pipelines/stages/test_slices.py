"""A video read in slices gives what it gives read whole, to the last bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest

from pipelines import IndexConfig, index
from pipelines.demo.people import load_pictures
from pipelines.indexing.jobs import WaitingJobs
from pipelines.stages import error_boundary, index_slice, index_video
from pipelines.stages.join_slices import SliceJoiner
from pipelines.stages.payloads import Failure, Notice, Outcome, SlicedVideo
from tests.helpers import videos
from vidsearch.catalog.records import IndexedVideo
from vidsearch.datatypes import AlignedFaces, Detections, Image, Matrix
from vidsearch.faces.track import Tracker
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource
from vidsearch.video.open import open_video
from vidsearch.video.sampling import SamplingConfig

SIZE = (128, 96)
OPEN_GOP = {"x264-params": "open-gop=1:keyint=10:min-keyint=10:scenecut=0"}
REFRESHED = {"x264-params": "intra-refresh=1:keyint=10"}
FRAMES = 120  # 12 s
EVERY_40 = (30, 70, 110)  # shots of 4 s: a cut right at every fourth keyframe
SHORT = (7, 9, 12, 30, 31, 38, 41, 44, 65, 69, 70, 74, 88, 95, 98, 102, 111)
VARIABLE = tuple(i + i * i // 40 for i in range(FRAMES))
CLIPS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "H.264 with B-frames": ("mp4", SHORT, {"b_frames": 3}),
    "open GOP": ("mp4", SHORT, {"b_frames": 3, "codec_options": OPEN_GOP}),
    "open GOP in a stream": ("ts", SHORT, {"b_frames": 3, "codec_options": OPEN_GOP}),
    "MPEG-4": ("mp4", SHORT, {"codec": "mpeg4", "b_frames": 2}),
    "VP9": ("webm", SHORT, {"codec": "libvpx-vp9", "codec_options": {"cpu-used": "8"}}),
    "variable frame rate": ("mkv", SHORT, {"ticks": VARIABLE}),
    "cuts at keyframes": ("mp4", EVERY_40, {}),
    "one shot": ("mkv", (), {"b_frames": 2}),
    "turned": ("mp4", SHORT, {"turn": 90}),
    "edit list": ("mp4", SHORT, {"b_frames": 3, "ticks": tuple(range(-5, FRAMES - 5))}),
}


@pytest.fixture(scope="module")
def films() -> ModuleType:
    return videos


class Detector:
    """Sees faces where the picture's brightness puts them: any other picture has others."""

    def detect(self, image: Image) -> Detections:
        levels = image.reshape(-1, 3).mean(axis=0)
        count = int(levels[0] * 8) % 3
        corners = np.array([[20 + levels[i] / 8, 10 + 30 * i] for i in range(count)]).reshape(-1, 2)
        boxes = np.concatenate([corners, corners + 24], axis=1).astype(np.float32)
        spots = np.array([[6, 8], [18, 8], [12, 13], [8, 18], [16, 18]])
        landmarks = (corners[:, None] + spots).astype(np.float32).reshape(-1, 5, 2)
        return Detections(boxes, np.full(count, 0.9, np.float32), landmarks)


class Embedder:
    """Describes a face by the mean of its parts."""

    def __init__(self, real: Any) -> None:
        self.model_id, self.template, self.dim = real.model_id, real.template, 16

    def embed(self, aligned: AlignedFaces) -> Matrix:
        n, side = len(aligned), aligned.shape[1] // 4
        cells = aligned[:, : 4 * side, : 4 * side].reshape(n, 4, side, 4, side, 3)
        return np.asarray(cells.mean(axis=(2, 4, 5)).reshape(n, 16) - 127.3, np.float32)


@pytest.fixture(scope="module")
def quick(models: LoadedPack) -> LoadedPack:
    return LoadedPack(models.pack, Detector(), Embedder(models.embedder))


@pytest.fixture(scope="module")
def clip(films: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str) -> Path:
        ending, cuts, options = CLIPS[name]
        path = folder / f"{name}.{ending}"
        return path if path.exists() else write(films, path, cuts, options)

    return make


def write(films: ModuleType, path: Path, cuts: tuple[int, ...], options: dict[str, Any]) -> Path:
    """Write 12 s of shots, in each of which something moves and the light changes."""
    rng = np.random.default_rng(7)
    film = films.VideoSpec(**{"frames": FRAMES, "size": SIZE, **options})
    pictures = []
    for number in range(film.frames):
        if number == 0 or number in cuts:
            shot = rng.integers(0, 200, (12, 16, 3)).repeat(8, axis=0).repeat(8, axis=1)
        light = 30 * np.sin(number / 9) + 25
        picture = np.clip(shot + light, 0, 255).astype(np.uint8)
        picture[40:60, number % 100 : number % 100 + 20] = 255 - number
        pictures.append(picture)
    return Path(films.write_video(path, film, pictures))


def source_of(path: Path) -> VideoSource:
    about = path.stat()
    return VideoSource(str(path), about.st_size, about.st_mtime_ns)


def options(slice_s: float, **sampling: Any) -> IndexConfig:
    return IndexConfig(slice_minutes=slice_s / 60, sampling=SamplingConfig(**sampling))


def in_slices(
    path: Path, models: LoadedPack, used: IndexConfig, seed: int = 0
) -> tuple[SliceJoiner, IndexedVideo | None]:
    """Read a video in slices, in any order; None where they do not join."""
    video = index_video.run(source_of(path), models, used, may_slice=True)
    assert isinstance(video, SlicedVideo)
    joiner = SliceJoiner(video, models, used)
    for number in np.random.default_rng(seed).permutation(video.slices):
        outcome = index_slice.run(video, int(number), models, used)
        assert not isinstance(outcome, Failure), outcome
        joiner.add(outcome)
    return joiner, joiner.finish() if joiner.complete else None


def plain(value: Any) -> Any:
    """Return a value as what can be compared: arrays by their type and bytes."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if is_dataclass(value):
        return tuple((f.name, plain(getattr(value, f.name))) for f in fields(value))
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value


def assert_equal(sliced: IndexedVideo | None, whole: Outcome | SlicedVideo) -> None:
    assert sliced is not None
    assert isinstance(whole, IndexedVideo)
    assert plain(sliced.video) == plain(whole.video)
    assert len(sliced.tracks) == len(whole.tracks)
    for one, other in zip(sliced.tracks, whole.tracks, strict=True):
        assert plain(one) == plain(other)


@pytest.mark.parametrize(
    ("name", "slice_s"),
    # Slices shorter than a shot, too, where frames are out of order or unevenly spread.
    [(name, 2.4) for name in CLIPS] + [(name, 0.6) for name in ("open GOP", "variable frame rate")],
)
def test_slices_give_what_the_whole_gives(
    clip: Callable[[str], Path], quick: LoadedPack, name: str, slice_s: float
) -> None:
    path, used = clip(name), options(slice_s)
    joiner, sliced = in_slices(path, quick, used)
    whole = index_video.run(source_of(path), quick, used)
    assert joiner.error == ""
    assert joiner.video.slices >= 3
    assert isinstance(whole, IndexedVideo)
    assert len(whole.tracks) > 5
    assert_equal(sliced, whole)


@pytest.mark.parametrize("sampling", [{"fps": 0.4}, {"fps": 7.0, "min_per_shot": 16}, {"fps": 30}])
def test_however_it_is_sampled(
    clip: Callable[[str], Path], quick: LoadedPack, sampling: dict[str, Any]
) -> None:
    used = options(1.5, **sampling)
    path = clip("H.264 with B-frames")
    _, sliced = in_slices(path, quick, used, seed=1)
    assert_equal(sliced, index_video.run(source_of(path), quick, used))


def test_keyframes_that_are_none_are_noticed(
    films: ModuleType, quick: LoadedPack, tmp_path: Path
) -> None:
    path = write(films, tmp_path / "refreshed.mp4", SHORT, {"codec_options": REFRESHED})
    used = options(2.0)
    joiner, sliced = in_slices(path, quick, used)
    assert sliced is None
    assert joiner.error == "slice 1 decodes differently from the whole video"

    # Among the others: what is left of its slices is dropped, and it waits in front, whole.
    waiting = WaitingJobs([source_of(path), source_of(path)])
    assert waiting.take(lambda job: True) is not None
    assert waiting.cut(joiner.video, quick, used).kind == "sliced"
    assert len(waiting) == joiner.video.slices + 1
    told = []
    for number in (0, 1):
        job = waiting.take(lambda job: True)
        assert job is not None
        assert job.joiner is not None
        done = error_boundary.run_slice(job.joiner.video, number, quick, used)
        told.append(waiting.join(job, job.joiner, done))
    assert [notice.kind for notice in told if isinstance(notice, Notice)] == ["slice", "unsliced"]
    assert len(waiting) == 2
    whole = waiting.take(lambda job: True)
    assert whole is not None
    assert whole.unsliceable
    assert job is not None
    assert job.obsolete


@pytest.fixture(scope="module")
def intact(films: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Videos without a hole, each written once."""
    folder = tmp_path_factory.mktemp("intact")

    @cache
    def make(ending: str) -> Path:
        return write(films, folder / f"holed.{ending}", SHORT, {"b_frames": 2})

    return make


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("part", [0.3, 0.5, 0.72])
def test_a_hole_is_the_same_hole(
    films: ModuleType,
    intact: Callable[[str], Path],
    quick: LoadedPack,
    tmp_path: Path,
    ending: str,
    part: float,
) -> None:
    path = Path(shutil.copy(intact(ending), tmp_path))
    films.punch_hole(path, int(path.stat().st_size * part), 1500)
    used = options(2.4)
    whole = index_video.run(source_of(path), quick, used)
    assert isinstance(whole, IndexedVideo)
    joiner, sliced = in_slices(path, quick, used)
    if sliced is None:  # the hole lies on a border: the video is read whole
        assert "decodes differently" in joiner.error
    else:
        assert_equal(sliced, whole)
        assert whole.video.frames_decoded < FRAMES or whole.video.status == "partial"


@pytest.mark.parametrize(
    ("ending", "film"),
    [
        ("mp4", {"keyframes": 1000, "codec_options": {"x264-params": "scenecut=0"}}),
        ("avi", {"codec": "mpeg4"}),
        ("h264", {}),
        ("mpg", {"codec": "mpeg2video", "time_base": Fraction(1, 25)}),
    ],
)
def test_what_cannot_be_cut_is_read_whole(
    films: ModuleType, quick: LoadedPack, tmp_path: Path, ending: str, film: dict[str, Any]
) -> None:
    path = write(films, tmp_path / f"uncut.{ending}", SHORT, film)
    assert isinstance(
        index_video.run(source_of(path), quick, options(1.0), may_slice=True), IndexedVideo
    )


def test_a_short_video_is_not_cut(clip: Callable[[str], Path], quick: LoadedPack) -> None:
    path = clip("H.264 with B-frames")
    outcome = index_video.run(source_of(path), quick, options(6.5), may_slice=True)
    assert isinstance(outcome, IndexedVideo)


def test_an_exception_in_joining_is_the_joiners_error(
    clip: Callable[[str], Path], quick: LoadedPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = options(4.0)
    video = index_video.run(source_of(clip("H.264 with B-frames")), quick, used, may_slice=True)
    assert isinstance(video, SlicedVideo)
    joiner = SliceJoiner(video, quick, used)
    outcome = index_slice.run(video, 0, quick, used)
    assert not isinstance(outcome, Failure)
    monkeypatch.setattr(Tracker, "update", lambda *_: 1 / 0)
    error_boundary.join(joiner, outcome)
    assert joiner.error == "slice 0 does not join (ZeroDivisionError: division by zero)"


def test_a_file_that_changed_is_a_failure_of_the_slice(
    clip: Callable[[str], Path], quick: LoadedPack
) -> None:
    video = index_video.run(
        source_of(clip("H.264 with B-frames")), quick, options(3.0), may_slice=True
    )
    assert isinstance(video, SlicedVideo)
    other = replace(video, source=source_of(clip("VP9")), cuts=(12345, 22222))
    outcome = error_boundary.run_slice(other, 1, quick, options(3.0))
    assert isinstance(outcome, Failure)
    assert "no keyframe at tick 12345" in outcome.message


def test_borders_are_keyframes_in_order(clip: Callable[[str], Path]) -> None:
    with open_video(str(clip("one shot"))) as reader:
        borders = reader.keyframe_cuts(2.0)
        seconds = [float(border * reader.info.time_base) for border in borders]
    assert seconds == sorted(set(seconds))
    assert all(second == pytest.approx(round(second)) for second in seconds)


@pytest.fixture(scope="module")
def long_film(films: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s with a real face that moves and goes, cut at a keyframe and elsewhere."""
    import cv2

    pictures = load_pictures()
    face = cv2.resize(pictures["astronaut"], (256, 256), interpolation=cv2.INTER_AREA)
    other = cv2.resize(pictures["coffee"], (320, 240), interpolation=cv2.INTER_AREA)
    frames = []
    for number in range(FRAMES):
        at = number // 4
        frames.append(
            other
            if 45 <= number < 53 or number >= 110
            else np.concatenate([face[:240, :200], other[:, at : at + 120]], axis=1)
        )
    path = tmp_path_factory.mktemp("long") / "long film.mp4"
    film = films.VideoSpec(frames=FRAMES, size=(320, 240), b_frames=2)
    return Path(films.write_video(path, film, frames))


@pytest.mark.slow
def test_workers_of_which_one_is_killed_in_a_slice_fill_the_tables_of_one(
    long_film: Path, tmp_path: Path, processes: ModuleType
) -> None:
    """They share one video. Opening takes its time, so that the kill comes in mid-slice."""
    film, catalog = tmp_path / "slow film.mp4", tmp_path / "shared"
    shutil.copy(long_film, film)
    assert index(tmp_path / "alone", [film]).tracks > 0
    command = ["index", catalog, film, "--workers", 2, "--slice-minutes", 2.0 / 60]
    process = processes.start(*command, env=processes.broken_decoder(tmp_path / "site"))

    def told(kind: str) -> int:
        return sum(event["event"] == kind for event in processes.events(catalog))

    processes.wait_until(lambda: told("slice") >= 1)
    processes.kill(processes.workers(process)[0])
    status, _, err = processes.finish(process, 400)
    assert status == 0, err
    assert processes.tables(catalog) == processes.tables(tmp_path / "alone")
    assert (told("sliced"), told("unsliced")) == (1, 0)
    assert told("slice") >= 5
    assert told("retry") >= 1


@pytest.mark.media
def test_real_clips_one_after_the_other(media: Path, tmp_path: Path, models: LoadedPack) -> None:
    path = tmp_path / "joined.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = 30, 2
        number = 0
        for clip in sorted((media / "videos").glob("*.mp4")):
            with av.open(str(clip)) as real:
                for frame in islice(real.decode(video=0), 60):
                    small = frame.reformat(320, 180, "yuv420p")
                    small.pts, small.time_base = number, Fraction(1, 25)
                    number += 1
                    out.mux(stream.encode(small))
        out.mux(stream.encode(None))
    whole = index_video.run(source_of(path), models, IndexConfig())
    assert isinstance(whole, IndexedVideo)
    assert len(whole.tracks) >= 4
    for slice_s in (1.5, 4.0):
        joiner, sliced = in_slices(path, models, options(slice_s))
        assert joiner.error == ""
        assert_equal(sliced, whole)
