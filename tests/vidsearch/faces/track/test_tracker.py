"""Tracking of synthetic people with known embeddings and paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vidsearch.datatypes import Detections, FrameFaces, TimeSpan, Track
from vidsearch.errors import ConfigError
from vidsearch.faces.track import Tracker, TrackingConfig
from vidsearch.faces.track.kept import encode_aligned
from vidsearch.faces.track.tracklet import Tracklet

DIM = 32
STEP_S = 0.5
ONE_SHOT = (TimeSpan(0.0, 1000.0),)


def confidence(similarity: NDArray[np.float32]) -> NDArray[np.float64]:
    """Calibration with its midpoint at 0.5: same person about 0.8, another person about 0."""
    return np.asarray(1 / (1 + np.exp(-12 * (similarity.astype(np.float64) - 0.5))))


@dataclass(frozen=True)
class Face:
    """Face in one frame: person, centre, size and quality."""

    person: int
    x: float
    y: float = 180.0
    size: float = 60.0
    quality: float = 0.5


def centre_of(person: int) -> NDArray[np.float64]:
    vector = np.random.default_rng(1000 + person).normal(size=DIM)
    return vector / np.linalg.norm(vector)


def frame(time_s: float, people: Iterable[Face], shot: int = 0, noise: float = 0.35) -> FrameFaces:
    faces = list(people)
    n = len(faces)
    boxes = np.array(
        [[s.x - s.size / 2, s.y - s.size / 2, s.x + s.size / 2, s.y + s.size / 2] for s in faces],
        np.float32,
    ).reshape(n, 4)
    rng = np.random.default_rng(int(time_s * 1000))
    jitter = rng.normal(size=(n, DIM)) * noise / np.sqrt(DIM)
    embeddings = np.array([centre_of(s.person) for s in faces]).reshape(n, DIM) + jitter
    aligned = np.zeros((n, 8, 8, 3), np.uint8)
    aligned[:] = np.array([s.person for s in faces], np.uint8).reshape(n, 1, 1, 1)
    return FrameFaces(
        time_s,
        0.04,
        shot,
        (640, 360),
        Detections(boxes, np.full(n, 0.9, np.float32), np.zeros((n, 5, 2), np.float32)),
        embeddings.astype(np.float32),
        np.array([s.quality for s in faces], np.float32),
        np.zeros(n, np.bool_),
        encode_aligned(aligned, 90),
        np.ones((5, 2), np.float32),
    )


def run(
    frames: Iterable[FrameFaces],
    shots: tuple[TimeSpan, ...] = ONE_SHOT,
    config: TrackingConfig | None = None,
) -> list[Track]:
    tracker = Tracker("m", confidence, config)
    for faces in frames:
        tracker.update(faces)
    return tracker.finish(shots)


def person_of(track: Track) -> int:
    """Return the person of a track; fail if two people are mixed in it."""
    scores = [float(track.template.vector @ centre_of(p)) for p in range(8)]
    best = int(np.argmax(scores))
    assert scores[best] > 0.8
    return best


def test_two_people_side_by_side_stay_two() -> None:
    tracks = run(frame(i * STEP_S, [Face(0, 200), Face(1, 265)]) for i in range(20))
    assert [person_of(t) for t in tracks] == [0, 1]
    assert [t.face_count for t in tracks] == [20, 20]


def test_two_people_who_cross_do_not_swap() -> None:
    # One walks right, one left; at the middle frames they stand on the same spot.
    tracks = run(
        frame(i * STEP_S, [Face(0, 100 + 20 * i), Face(1, 500 - 20 * i)]) for i in range(21)
    )
    assert sorted(person_of(t) for t in tracks) == [0, 1]
    assert [t.face_count for t in tracks] == [21, 21]


def test_one_leaves_and_another_takes_the_same_seat() -> None:
    frames = [frame(i * STEP_S, [Face(0, 300)]) for i in range(6)]
    frames += [frame(i * STEP_S, [Face(1, 300)]) for i in range(6, 12)]
    assert [(person_of(t), t.face_count) for t in run(frames)] == [(0, 6), (1, 6)]


def test_a_short_miss_does_not_break_a_track() -> None:
    gone = {4, 5, 6}
    tracks = run(frame(i * STEP_S, [] if i in gone else [Face(0, 200 + 10 * i)]) for i in range(12))
    assert [t.face_count for t in tracks] == [9]


def test_a_long_absence_makes_two_tracks() -> None:
    present = set(range(4)) | set(range(40, 44))
    tracks = run(frame(i * STEP_S, [Face(0, 200)] if i in present else []) for i in range(44))
    assert [t.face_count for t in tracks] == [4, 4]
    assert tracks[0].span.end_s < tracks[1].span.start_s


def test_a_jump_across_the_frame_is_followed_by_appearance() -> None:
    tracks = run(frame(i * STEP_S, [Face(0, 80 if i % 2 else 560, quality=0.9)]) for i in range(10))
    assert [t.face_count for t in tracks] == [10]


def test_a_turned_head_is_followed_by_position() -> None:
    """A profile matches no embedding; a still face without another face nearby is the same."""
    frames = [frame(i * STEP_S, [Face(0, 300)]) for i in range(5)]
    turned = frame(2.5, [Face(0, 302)])
    half = (0.45 * centre_of(0) + 0.9 * centre_of(7)).astype(np.float32)[None]
    frames.append(replace(turned, embeddings=half))
    frames += [frame(i * STEP_S, [Face(0, 300)]) for i in range(6, 10)]
    assert [t.face_count for t in run(frames)] == [10]


def test_appearance_of_a_poor_face_has_no_weight() -> None:
    """Dark faces have similar embeddings: a smaller face elsewhere is another person."""
    for quality, count in ((0.35, 2), (0.9, 1)):
        large = [frame(i * STEP_S, [Face(0, 400, 200, 90, quality)]) for i in range(2)]
        small = [frame(i * STEP_S, [Face(0, 200, 80, 60, quality)]) for i in range(2, 5)]
        assert len(run(large + small)) == count, quality


def test_a_crowd_is_joined_in_reasonable_time() -> None:
    """Hundreds of short tracklets in one long shot: linking is not quadratic in their number."""
    frames = []
    for i in range(400):
        people = [Face(p, 40 + 75 * p, quality=0.9) for p in range(8) if (i // 12 + p) % 2]
        frames.append(frame(i * STEP_S, people))
    tracks = run(frames)
    assert sum(t.face_count for t in tracks) == sum(len(f) for f in frames)
    assert all(person_of(t) in range(8) for t in tracks)


def test_tracks_never_cross_a_cut() -> None:
    shots = (TimeSpan(0.0, 2.4), TimeSpan(2.4, 5.0))
    tracks = run((frame(i * STEP_S, [Face(0, 200)], shot=int(i >= 5)) for i in range(10)), shots)
    assert [(t.shot, t.face_count) for t in tracks] == [(0, 5), (1, 5)]
    # Present in the first and last sample of the shot: the track spans the shot.
    assert [t.span for t in tracks] == list(shots)


def test_a_span_inside_a_shot_ends_with_the_last_frame_seen() -> None:
    frames = [frame(i * STEP_S, [Face(0, 200)] if 2 <= i <= 4 else []) for i in range(9)]
    (track,) = run(frames, (TimeSpan(0.0, 5.0),))
    assert track.span.start_s == 1.0
    assert track.span.end_s == pytest.approx(2.04)


def test_best_face_and_kept_faces() -> None:
    quality = [0.1, 0.2, 0.9, 0.3, 0.4, 0.5, 0.2, 0.8, 0.1, 0.6]
    config = TrackingConfig(kept_faces=3)
    (track,) = run(
        (frame(i * STEP_S, [Face(0, 200, quality=q)]) for i, q in enumerate(quality)),
        config=config,
    )
    assert track.best_s == 1.0
    assert track.quality == pytest.approx(0.9)
    # Thirds of 0..4.5 s: the best are at 1.0 s, 2.5 s and 3.5 s; best quality first.
    assert [f.time_s for f in track.faces] == [1.0, 3.5, 2.5]
    assert all(f.aligned_jpeg.startswith(b"\xff\xd8") for f in track.faces)


def test_the_template_pools_every_face_not_only_the_kept() -> None:
    frames = [frame(i * STEP_S, [Face(0, 200)]) for i in range(60)]
    (track,) = run(frames, config=TrackingConfig(kept_faces=2))
    everything = np.concatenate([f.embeddings for f in frames]).astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(
        track.template.vector, everything / np.linalg.norm(everything), atol=1e-6
    )
    assert track.face_count == 60
    assert len(track.faces) == 2


def test_images_held_do_not_grow_with_a_shot() -> None:
    tracklet = Tracklet(shot=0)
    for i in range(2000):
        tracklet.add(frame(i * STEP_S, [Face(0, 200)]), 0, kept_faces=5)
        assert len(tracklet.candidates) <= 4 * 5
    assert len(tracklet.times_s) == 2000


def test_no_faces_no_tracks() -> None:
    assert run(frame(i * STEP_S, []) for i in range(5)) == []
    assert run([]) == []


def test_frames_out_of_order_are_refused() -> None:
    tracker = Tracker("m", confidence)
    tracker.update(frame(1.0, []))
    with pytest.raises(ConfigError, match=r"time order.*1\.0 s after 1\.0 s"):
        tracker.update(frame(1.0, []))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), people=st.integers(1, 5))
def test_a_crowd_of_wanderers_is_never_mixed(seed: int, people: int) -> None:
    """Random walks with random misses: every track is one person, and few people are split."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform([60, 60], [580, 300], size=(people, 2))
    frames = []
    for i in range(30):
        centres += rng.normal(scale=15, size=centres.shape)
        present = [p for p in range(people) if rng.random() > 0.15]
        frames.append(frame(i * STEP_S, [Face(p, centres[p, 0], centres[p, 1]) for p in present]))
    owners = [person_of(t) for t in run(frames)]
    assert set(owners) == set(range(people))
    assert len(owners) <= people + 1


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(3)))
def test_the_order_of_detections_in_a_frame_does_not_matter(order: list[int]) -> None:
    people = [Face(p, 150 + 150 * p) for p in range(3)]
    plain = run(frame(i * STEP_S, people, noise=0) for i in range(8))
    mixed = run(frame(i * STEP_S, [people[k] for k in order], noise=0) for i in range(8))
    assert [person_of(t) for t in plain] == [person_of(t) for t in mixed]
    for a, b in zip(plain, mixed, strict=True):
        np.testing.assert_allclose(a.template.vector, b.template.vector, atol=1e-6)
        assert (a.span, a.face_count) == (b.span, b.face_count)


@pytest.mark.parametrize("step_s", [1.0, 5.0, 60.0])
def test_consecutive_frames_at_any_distance_in_time_are_one_track(step_s: float) -> None:
    frames = [frame(i * step_s, [Face(0, 300, quality=0.8)]) for i in range(6)]
    tracks = run(replace(faces, frame_duration_s=step_s) for faces in frames)
    assert [(t.face_count, t.span) for t in tracks] == [(6, TimeSpan(0.0, 1000.0))]


def test_a_gap_in_the_samples_is_no_low_rate() -> None:
    """Frames that were decoded, but not sampled, do not lengthen the longest gap."""
    frames = [frame(time_s, [Face(0, 300, quality=0.8)]) for time_s in (0.0, 0.5, 9.0, 9.5)]
    assert [t.face_count for t in run(frames)] == [2, 2]


def test_position_does_not_join_two_persons_between_distant_frames() -> None:
    """Faces of middling quality: close in time, their position decides; far apart, they differ."""
    frames = [frame(0.5 * i, [Face(i // 3, 300, size=30, quality=0.34)]) for i in range(6)]
    assert [t.face_count for t in run(frames)] == [6]
    distant = [replace(faces, frame_duration_s=0.5) for faces in frames]
    assert [t.face_count for t in run(distant)] == [3, 3]
