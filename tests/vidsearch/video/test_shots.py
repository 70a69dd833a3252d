"""Cut detection: cuts at the right frame, and no cuts in flashes, pans, fades and noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PILImage
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from vidsearch.errors import ConfigError, ShapeError
from vidsearch.video.open import open_video
from vidsearch.video.shots import ShotConfig, ShotDetector

Thumbnails = list[NDArray[np.uint8]]
W, H = ShotDetector.thumbnail_wh


def cuts_in(thumbnails: Sequence[NDArray[np.uint8]]) -> list[int]:
    detector = ShotDetector()
    found: list[int] = []
    for number, thumbnail in enumerate(thumbnails):
        new = detector.push(thumbnail)
        assert all(number - detector.delay <= cut <= number for cut in new)
        found += new
    return found + detector.finish()


def shot(seed: int, frames: int, noise: float = 2.0, drift: int = 0) -> Thumbnails:
    """Return a synthetic shot: soft random shapes, sensor noise and a drifting camera."""
    rng = np.random.default_rng(seed)
    wide = rng.uniform(0, 255, (9, 64, 3)).astype(np.float32)
    place = cv2.resize(wide, (64 * 12, H), interpolation=cv2.INTER_CUBIC)
    thumbnails = []
    for number in range(frames):
        left = number * drift % (place.shape[1] - W)
        view = place[:, left : left + W] + rng.normal(0, noise, (H, W, 3))
        thumbnails.append(np.clip(view, 0, 255).astype(np.uint8))
    return thumbnails


def dimmed(thumbnails: Thumbnails, gain: float) -> Thumbnails:
    return [(thumbnail * gain).astype(np.uint8) for thumbnail in thumbnails]


@given(st.lists(st.integers(3, 40), min_size=1, max_size=8), st.integers(0, 10**6))
def test_joined_shots_are_cut_at_the_join(lengths: list[int], seed: int) -> None:
    joined = [thumbnail for n, f in enumerate(lengths) for thumbnail in shot(seed + n, f)]
    assert cuts_in(joined) == list(np.cumsum(lengths)[:-1])


@pytest.mark.parametrize("gain", [1.0, 0.3, 0.1])
def test_dark_shots_are_cut_like_bright_ones(gain: float) -> None:
    joined = shot(1, 12) + shot(2, 12) + shot(3, 12)
    assert cuts_in(dimmed(joined, gain)) == [12, 24]


def test_black_and_white_video_is_cut(rng: np.random.Generator) -> None:
    joined = shot(1, 12) + shot(2, 12)
    grey = [np.repeat(p.mean(2, keepdims=True), 3, 2).astype(np.uint8) for p in joined]
    assert cuts_in(grey) == [12]


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_not_a_cut(length: int) -> None:
    thumbnails = shot(1, 30)
    for number in range(15, 15 + length):
        flash = thumbnails[number].astype(np.int16) * 2 + 90
        thumbnails[number] = np.clip(flash, 0, 255).astype(np.uint8)
    assert cuts_in(thumbnails) == []


@pytest.mark.parametrize("pixels_a_frame", [1, 3, 8])
def test_a_pan_is_not_a_cut(pixels_a_frame: int) -> None:
    # 8 of 64 pixels: the frame is crossed in a third of a second.
    assert cuts_in(shot(1, 60, drift=pixels_a_frame)) == []


def test_a_cut_out_of_and_into_a_moderate_pan_is_found() -> None:
    assert cuts_in(shot(1, 20, drift=1) + shot(2, 20) + shot(3, 20, drift=1)) == [20, 40]


def test_a_fade_is_not_a_cut() -> None:
    levels = np.linspace(1, 0, 25)
    down = [(p * level).astype(np.uint8) for p, level in zip(shot(1, 25), levels, strict=True)]
    up = [(p * level).astype(np.uint8) for p, level in zip(shot(2, 25), levels[::-1], strict=True)]
    assert cuts_in(down + up) == []


def test_noise_on_black_is_not_a_cut(rng: np.random.Generator) -> None:
    black = [rng.integers(0, 6, (H, W, 3), dtype=np.uint8) for _ in range(40)]
    assert cuts_in(black) == []


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_very_short_videos(frames: int) -> None:
    assert cuts_in(shot(1, frames)) == []


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 2)])
def test_cuts_next_to_either_end(first: int, second: int) -> None:
    assert cuts_in(shot(1, first) + shot(2, second)) == [first]


def test_wrong_thumbnails_and_options() -> None:
    with pytest.raises(ShapeError, match=r"thumbnail must be \(36, 64, 3\) uint8"):
        ShotDetector().push(np.zeros((90, 160, 3), np.uint8))
    with pytest.raises(ConfigError, match="min_step must be above 0; got 0"):
        ShotConfig(min_step=0)
    with pytest.raises(ConfigError, match="min_ratio must be at least 1; got nan"):
        ShotConfig(min_ratio=float("nan"))


@pytest.mark.media
def test_the_cuts_of_a_real_clip(media: Path) -> None:
    # Labelled frame by frame: hard cuts right before frames 20, 82 and 211.
    with open_video(str(media / "videos" / "short_hamilton_clip.mp4")) as reader:
        assert cuts_in([frame.thumbnail_bgr(W, H) for frame in reader.decode()]) == [20, 82, 211]


@pytest.mark.media
@pytest.mark.parametrize("clip", ["d5", "d7", "d8"])
def test_a_talking_head_has_no_cuts(media: Path, clip: str) -> None:
    with open_video(str(media / "videos" / f"liveportrait_{clip}.mp4")) as reader:
        assert cuts_in([frame.thumbnail_bgr(W, H) for frame in reader.decode()]) == []


@pytest.mark.media
@pytest.mark.slow
def test_real_shots_joined_in_the_dark_beat_pyscenedetect(
    media: Path, rng: np.random.Generator
) -> None:
    """Shots of four clips and pans over photos, at random brightness and in random order."""
    shots = _real_shots(media)
    joined: Thumbnails = []
    truth: set[int] = set()
    last = -1
    for _ in range(60):
        pick = int(rng.choice([n for n in range(len(shots)) if n != last]))
        last = pick
        length = int(rng.integers(3, 40))
        truth.add(len(joined))
        joined += dimmed(shots[pick][:length], float(rng.uniform(0.1, 1.0)))
    truth.discard(0)
    ours = set(cuts_in(joined))
    theirs = AdaptiveDetector(min_scene_len=1)
    reference = {
        cut.frame_num
        for number, thumbnail in enumerate(joined)
        for cut in theirs.process_frame(FrameTimecode(number, 25.0), thumbnail)
    }
    assert len(truth ^ ours) <= 0.05 * len(truth)
    assert len(truth ^ ours) < len(truth ^ reference)


def _real_shots(media: Path) -> list[Thumbnails]:
    shots: list[Thumbnails] = []
    bounds = {"short_hamilton_clip": [0, 20, 82, 211, 275]}
    for path in sorted((media / "videos").glob("*.mp4")):
        with open_video(str(path)) as reader:
            thumbnails = [frame.thumbnail_bgr(W, H) for frame in reader.decode()]
        edges = bounds.get(path.stem, [0, len(thumbnails)])
        shots += [thumbnails[a:b] for a, b in pairwise(edges)]
    for path in sorted((media / "photos" / "face_recognition").glob("*.png"))[:8]:
        whole = np.asarray(PILImage.open(path).convert("RGB").resize((2 * W, 2 * H)))
        photo = np.ascontiguousarray(whole[:, :, ::-1])
        shots.append([photo[n // 4 : n // 4 + H, n : n + W] for n in range(40)])
    return shots


@pytest.mark.parametrize("interval_s", [0.125, 0.5, 60.0])
def test_every_shot_of_one_frame_is_found_at_a_low_rate(interval_s: float) -> None:
    detector = ShotDetector()
    found = [cut for n in range(6) for cut in detector.push(shot(n, 1)[0], interval_s)]
    assert found + detector.finish() == [1, 2, 3, 4, 5]


def test_motion_is_no_cut_at_a_low_rate() -> None:
    detector = ShotDetector()
    found = [cut for view in shot(1, 12, drift=10) for cut in detector.push(view, 1.0)]
    assert found + detector.finish() == []


@pytest.mark.parametrize("name", ["min_step", "sparse_step", "sparse_shifted"])
def test_a_threshold_that_is_not_above_zero_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be above 0"):
        ShotConfig(**{name: 0.0})
