"""Clusters of unknown tracks: similar tracks, never two visible at the same time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.demo.camera_moves import CameraMove, DemoVideo
from pipelines.demo.people import load_pictures
from pipelines.demo.render import render_video
from pipelines.indexing.run import index
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge, judgements
from vidsearch.device import resolve_device
from vidsearch.models.calibration import Calibration
from vidsearch.models.registry import load_pack
from vidsearch.search.people_clusters import (
    TrackTime,
    cluster,
    companions,
    track_cards,
    unknown_people,
    visible_together,
)
from vidsearch.search.search import PRIOR


@pytest.fixture
def catalog(films: Path, tmp_path: Path) -> Catalog:
    """A catalog of short videos with real faces, one of them with two faces at the same time."""
    shot = CameraMove("group", 2.0, (330, 320, 640), (330, 320, 600))
    film = DemoVideo("two.mp4", "libx264", (shot,))
    render_video(films / film.name, film, load_pictures())
    index(tmp_path / "catalog", [films])
    return Catalog.open(tmp_path / "catalog")


def track(video: str, start_s: float, end_s: float) -> TrackTime:
    return TrackTime(f"{video}-{start_s}", video, start_s, end_s)


def test_seen_together_means_same_video_and_time() -> None:
    tracks = [track("a", 0, 2), track("a", 1, 3), track("b", 1, 3), track("a", 3, 4)]
    apart = visible_together(tracks)
    expected = np.zeros((4, 4), np.bool_)
    expected[0, 1] = expected[1, 0] = True  # spans are half-open: 3 to 4 touches 1 to 3 only
    assert (apart == expected).all()


def test_twins_on_one_screen_are_two_people() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    free = np.zeros((3, 3), np.bool_)
    assert len(set(cluster(vectors, free, 0.9).tolist())) == 2
    free[0, 1] = free[1, 0] = True
    assert len(set(cluster(vectors, free, 0.9).tolist())) == 3


@given(st.integers(0, 2**32 - 1), st.floats(-0.5, 0.9))
def test_no_cluster_breaks_the_rules(seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(12, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    apart = np.triu(rng.random((12, 12)) < 0.1, 1)
    apart |= apart.T
    labels = cluster(vectors, apart, least)
    same = labels[:, None] == labels[None, :]
    assert not (same & apart).any()
    assert (vectors @ vectors.T)[same].min() >= least - 1e-5


def test_one_half_at_the_archives_prior() -> None:
    curve = Calibration(slope=20.0, intercept=-15.0, fitted_on="an example", pairs=2)
    similarity = curve.similarity_at(0.5, prior=PRIOR)
    assert curve.confidence(similarity, prior=PRIOR) == pytest.approx(0.5)


def test_unknown_faces_of_the_archive(catalog: Catalog) -> None:
    curve = load_pack("open", resolve_device("cpu")).calibration
    found = unknown_people(catalog, curve)
    total = catalog.status().tracks
    assert found.clustered == total == sum(map(len, found.clusters))
    sizes = [len(group) for group in found.clusters]
    assert sizes == sorted(sizes, reverse=True)
    first = found.clusters[0]
    ada = add_person(catalog, "Ada")
    judge(catalog, [card.track_id for card in first], ada, same=True)
    again = unknown_people(catalog, curve, most=1)
    assert (again.clustered, again.left_out) == (1, total - len(first) - 1)
    assert all(card.jpeg is not None for card in track_cards(catalog, [first[0].track_id]))


def test_who_is_seen_with_whom(catalog: Catalog) -> None:
    rows = catalog.tracks(["track_id", "video_id", "start_s", "end_s"]).to_pylist()
    pairs = np.argwhere(visible_together([TrackTime(**row) for row in rows]))
    first, second = rows[pairs[0][0]], rows[pairs[0][1]]
    ada, bob = add_person(catalog, "Ada"), add_person(catalog, "Bob")
    judge(catalog, [first["track_id"]], ada, same=True)
    judge(catalog, [second["track_id"]], bob, same=True)
    (companion,) = companions(catalog, judgements(catalog), ada)
    shared = min(first["end_s"], second["end_s"]) - max(first["start_s"], second["start_s"])
    assert (companion.name, companion.times) == ("Bob", 1)
    assert companion.seconds == pytest.approx(shared)
