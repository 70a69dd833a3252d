"""Sampling of whole videos: the right frames, at the right times, in the right shots."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import videos
from vidsearch.datatypes import Frame, TimeSpan
from vidsearch.errors import ConfigError
from vidsearch.video.open import open_video
from vidsearch.video.sampling import FrameSampler, SamplingConfig

TV = Fraction(1, 25)


def sample(path: Path, **config: Any) -> tuple[list[Frame], FrameSampler]:
    with open_video(str(path)) as reader:
        sampler = FrameSampler(reader, SamplingConfig(**config))
        return list(sampler), sampler


def blocks(seed: int, frames: int, size: tuple[int, int] = (128, 96)) -> list[Any]:
    """Return the frames of a still shot with random blocks of colour."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    width, height = size
    image = coarse.repeat(height // 6, 0).repeat(width // 8, 1)
    return [image] * frames


def write_shots(path: Path, lengths: list[int], **spec: Any) -> Path:
    images = [p for seed, frames in enumerate(lengths) for p in blocks(seed, frames)]
    made: Path = videos.write_video(
        path, videos.VideoSpec(frames=len(images), time_base=TV, **spec), images
    )
    return made


def check_invariants(frames: list[Frame], sampler: FrameSampler) -> None:
    times = [frame.time_s for frame in frames]
    assert times == sorted(set(times))
    assert len(frames) == sampler.frames_sampled
    for before, after in zip(sampler.shots, sampler.shots[1:], strict=False):
        assert before.end_s == after.start_s
    for frame in frames:
        span = sampler.shots[frame.shot]
        assert span.start_s <= frame.time_s < span.end_s
        assert frame.duration_s > 0
        assert frame.time_s + frame.duration_s <= sampler.shots[-1].end_s + 1e-6


def test_one_shot_gives_the_grid_and_nothing_else(tmp_path: Path) -> None:
    path = write_shots(tmp_path / "a.mp4", [100])
    frames, sampler = sample(path)
    # The first frames at or after 0, 0.5, ... 3.5 s at 25 fps: 0, 13, 25, 38, 50, ...
    assert [round(f.time_s * 25) for f in frames] == [0, 13, 25, 38, 50, 63, 75, 88]
    assert sampler.shots == (TimeSpan(0.0, 4.0),)
    assert {frame.duration_s for frame in frames} == {0.04}
    check_invariants(frames, sampler)


@pytest.mark.parametrize(
    "lengths", [[100, 50], [30, 4, 30], [3, 3, 3], [7] * 9, [1, 60], [60, 1], [60, 2, 61]]
)
def test_every_shot_is_sampled_with_its_own_frames(tmp_path: Path, lengths: list[int]) -> None:
    path = write_shots(tmp_path / "a.mp4", lengths, keyframes=7, b_frames=2)
    frames, sampler = sample(path)
    edges = np.cumsum([0, *lengths]) * 0.04
    assert [s.start_s for s in sampler.shots] == pytest.approx(edges[:-1])
    assert sampler.shots[-1].end_s == pytest.approx(edges[-1])
    for shot, length in enumerate(lengths):
        got = [frame for frame in frames if frame.shot == shot]
        assert len(got) >= min(3, length)
        expected = blocks(shot, 1)[0]
        for frame in got:  # the pixels identify the shot
            assert np.abs(frame.image.astype(int) - expected).mean() < 12
    check_invariants(frames, sampler)


def test_extra_samples_are_spread_over_a_short_shot(tmp_path: Path) -> None:
    path = write_shots(tmp_path / "a.mp4", [50, 24, 50])
    frames, _ = sample(path, fps=0.1)  # a grid point at 0 s and no other
    inside = [round(f.time_s * 25) - 50 for f in frames if f.shot == 1]
    assert len(inside) == 3
    assert min(np.diff([0, *inside, 24])) >= 3


@pytest.mark.parametrize(
    ("spec", "fps", "expected_s"),
    [
        ({"time_base": Fraction(1), "frames": 6}, 2.0, [0, 1, 2, 3, 4, 5]),
        ({"time_base": Fraction(1, 120), "frames": 240}, 2.0, [0, 0.5, 1, 1.5]),
        ({"time_base": Fraction(1, 10), "frames": 40}, 1.0, [0, 1, 2, 3]),
        (  # nothing for 4 s, then a burst
            {"time_base": Fraction(1, 10), "ticks": (0, 1, 2, 42, 43, 44, 45, 46, 47, 48)},
            2.0,
            [0, 0.2, 4.2, 4.5],
        ),
    ],
    ids=["1 fps", "120 fps", "10 fps", "gap"],
)
def test_any_frame_rate(
    tmp_path: Path, spec: dict[str, Any], fps: float, expected_s: list[float]
) -> None:
    count = len(spec.get("ticks", range(spec.get("frames", 0))))
    path = videos.write_video(tmp_path / "a.mkv", videos.VideoSpec(**spec), blocks(1, count))
    frames, sampler = sample(path, fps=fps)
    assert [frame.time_s for frame in frames] == pytest.approx(expected_s, abs=0.01)
    check_invariants(frames, sampler)


def test_a_frame_before_a_gap_is_shown_through_it(tmp_path: Path) -> None:
    spec = videos.VideoSpec(ticks=(0, 1, 31, 32), time_base=Fraction(1, 10))
    path = videos.write_video(tmp_path / "a.mkv", spec, blocks(1, 4))
    frames, sampler = sample(path, min_per_shot=4)
    assert [round(f.duration_s, 3) for f in frames] == [0.1, 3.0, 0.1, 0.1]
    assert sampler.shots == (TimeSpan(0.0, 3.3),)


def test_one_frame(tmp_path: Path) -> None:
    frames, sampler = sample(videos.write_video(tmp_path / "a.mp4", videos.VideoSpec(frames=1)))
    assert [videos.read_number(frame.image) for frame in frames] == [0]
    assert sampler.shots == (TimeSpan(0.0, 0.1),)


def test_images_belong_to_their_times(tmp_path: Path) -> None:
    spec = videos.VideoSpec(frames=80, b_frames=2, turn=180)
    frames, _ = sample(videos.write_video(tmp_path / "a.mp4", spec))
    assert len(frames) >= 16
    for frame in frames:
        number = videos.read_number(frame.image[::-1, ::-1])
        assert frame.time_s == pytest.approx(number / 10)


def test_the_backends_sample_alike(tmp_path: Path) -> None:
    path = write_shots(tmp_path / "a.mp4", [40, 20, 30], b_frames=2)
    samples = {}
    for backend in ("pyav", "decord"):
        with open_video(str(path), backend) as reader:
            sampler = FrameSampler(reader)
            samples[backend] = ([(f.pts, f.shot, f.duration) for f in sampler], sampler.shots)
    assert samples["pyav"] == samples["decord"]


@pytest.mark.media
def test_the_shots_of_a_real_clip(media: Path) -> None:
    frames, sampler = sample(media / "videos" / "short_hamilton_clip.mp4")
    check_invariants(frames, sampler)
    # Cuts before frames 20, 82, 211 of 275, at 29.97 fps; the video starts 0.844 s after the audio.
    starts = [0.844014 + n / 29.97 for n in (0, 20, 82, 211)]
    assert [shot.start_s for shot in sampler.shots] == pytest.approx(starts, abs=1e-4)
    assert sampler.shots[-1].end_s == pytest.approx(0.844014 + 275 / 29.97, abs=1e-4)
    per_shot = np.bincount([frame.shot for frame in frames])
    assert list(per_shot) == [3, 5, 8, 4]
    assert frames[0].image.shape == (360, 640, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fps": 0}, "fps must be above 0 and at most 1000; got 0"),
        ({"fps": float("nan")}, "fps must be above 0"),
        ({"fps": 1001}, "at most 1000; got 1001"),
        ({"min_per_shot": 0}, "min_per_shot must be from 1 to 16; got 0"),
    ],
)
def test_wrong_options(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SamplingConfig(**wrong)


def test_a_long_gap_ends_the_shot(tmp_path: Path) -> None:
    """A pause of the recording ends the shot; the length of the video keeps the gap."""
    spec = videos.VideoSpec(ticks=(0, 1, 2, 4002, 4003, 4004), time_base=Fraction(1, 10))
    path = videos.write_video(tmp_path / "a.mkv", spec, blocks(1, 6))
    frames, sampler = sample(path)
    assert [frame.shot for frame in frames] == [0, 0, 0, 1, 1, 1]
    (first, second) = sampler.shots
    assert (first.start_s, first.end_s) == pytest.approx((0.0, 0.3), abs=0.02)
    assert (second.start_s, second.end_s) == pytest.approx((400.2, 400.5), abs=0.02)
