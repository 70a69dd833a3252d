"""Expected false hits: extrapolated from a query's distances, corrected by known impostors."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.results.threshold_advice import KnownImpostorPairs
from vidsearch.search.false_hits import expected_false_hits, expected_shares

THRESHOLDS = (0.5, 0.6, 0.7, 0.45)


def cosines_of_normal_distances(
    rng: np.random.Generator, count: int, mean: float = 1.3, deviation: float = 0.1
) -> np.ndarray:
    return 1 - rng.normal(mean, deviation, count) ** 2 / 2


def normal_share(cosine: float, mean: float = 1.3, deviation: float = 0.1) -> float:
    z = (mean - math.sqrt(2 - 2 * cosine)) / deviation
    return 0.5 * math.erfc(z / math.sqrt(2))


def test_the_tail_lies_between_a_normal_distance_and_a_normal_logarithm(
    rng: np.random.Generator,
) -> None:
    videos = np.arange(20_000) % 200
    heavy = cosines_of_normal_distances(rng, 20_000)
    light = 1 - np.exp(rng.normal(math.log(1.3), 0.1 / 1.3, 20_000)) ** 2 / 2
    # cos 0.5 is distance 1: 3 deviations of 0.1 from 1.3, 1,350 in a million; 0.6 is 4.06: 25.
    lines = expected_false_hits(heavy, videos, 10**6, THRESHOLDS)
    for line, threshold in zip(lines, THRESHOLDS, strict=False):
        expected = 10**6 * normal_share(threshold)
        assert 0.4 * expected < line.expected < expected
        assert line.at_least < expected < 1.6 * line.at_most
    assert [line.confidence for line in lines] == [0.5, 0.9, 0.99]
    assert lines[0].expected > lines[1].expected > lines[2].expected > 0
    # The logarithm of 1 is 3.41 deviations from that of 1.3: 325 in a million; of 0.894: 4.86.
    lines = expected_false_hits(light, videos, 10**6, THRESHOLDS)
    for line, z in zip(lines, (3.411, 4.862), strict=False):
        expected = 10**6 * 0.5 * math.erfc(z / math.sqrt(2))
        assert expected < line.expected < 15 * expected
        assert 0.8 * line.at_least < expected < line.at_most


def test_the_persons_own_tracks_do_not_count_as_impostors(rng: np.random.Generator) -> None:
    impostors = cosines_of_normal_distances(rng, 5000)
    own = rng.uniform(0.45, 0.95, 500)
    videos = np.arange(5500) % 50
    alone = expected_false_hits(impostors, videos[:5000], 1000, THRESHOLDS)
    together = expected_false_hits(np.concatenate([impostors, own]), videos, 1000, THRESHOLDS)
    assert together[0].expected == pytest.approx(alone[0].expected, rel=1e-9)


def test_a_nearer_query_expects_more(rng: np.random.Generator) -> None:
    videos = np.arange(2000) % 40
    far, near = (
        expected_false_hits(cosines_of_normal_distances(rng, 2000, mean), videos, 1000, THRESHOLDS)
        for mean in (1.35, 1.25)
    )

    assert all(b.expected > a.expected for a, b in zip(far, near, strict=True))


def test_order_does_not_matter(rng: np.random.Generator) -> None:
    cosines, videos = cosines_of_normal_distances(rng, 500), rng.integers(0, 20, 500)
    order = rng.permutation(500)
    # The resampling depends on the numbers of the videos, so the numbers stay.
    unshuffled = expected_false_hits(cosines, videos, 900, THRESHOLDS)
    assert unshuffled == expected_false_hits(cosines[order], videos[order], 900, THRESHOLDS)


def test_few_videos_make_it_less_sure(rng: np.random.Generator) -> None:
    # Tracks of one video are alike: 200 videos of 10 tracks, or 8 of 250, each with its own mean.
    def line(videos: int) -> tuple[float, float]:
        spread = NormalDist(1.3, 0.05).quantiles(videos + 1)
        means = np.repeat(spread, 2000 // videos)
        cosines = 1 - (means + rng.normal(0, 0.08, 2000)) ** 2 / 2
        found = expected_false_hits(
            cosines, np.repeat(np.arange(videos), 2000 // videos), 1000, THRESHOLDS
        )
        return found[0].expected, found[0].at_most

    many, few = line(200), line(8)
    assert few[1] / few[0] > many[1] / many[0]


@pytest.mark.parametrize(("tracks", "videos"), [(99, 10), (500, 4), (0, 0)])
def test_too_little_says_nothing(rng: np.random.Generator, tracks: int, videos: int) -> None:
    cosines = cosines_of_normal_distances(rng, tracks)
    assert expected_false_hits(cosines, np.arange(tracks) % max(videos, 1), 500, THRESHOLDS) == ()


def test_known_impostor_pairs_correct_the_estimate(rng: np.random.Generator) -> None:
    cosines, videos = cosines_of_normal_distances(rng, 1000), np.arange(1000) % 30
    plain = expected_false_hits(cosines, videos, 100, THRESHOLDS)
    # 18 reached, 8 expected: (18 + 2) / (8 + 2) = 2; none reached, 0.5 expected: 2 / 2.5 = 0.8.
    pairs = KnownImpostorPairs(5000, (18, 0, 0), (8.0, 0.5, 0.0))
    assert pairs.factors == pytest.approx((2.0, 0.8, 1.0))
    mended = expected_false_hits(cosines, videos, 100, THRESHOLDS, pairs)
    for before, after, factor in zip(plain, mended, (2.0, 0.8, 1.0), strict=True):
        assert after.expected == pytest.approx(factor * before.expected)
        assert after.at_most == pytest.approx(factor * before.at_most)


def test_shares_are_those_of_the_estimate(rng: np.random.Generator) -> None:
    cosines = cosines_of_normal_distances(rng, 1000)
    lines = expected_false_hits(cosines, np.arange(1000) % 30, 1000, THRESHOLDS)
    assert [line.expected for line in lines] == pytest.approx(
        [1000 * share for share in expected_shares(cosines, THRESHOLDS)]
    )


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="finite"):
        expected_false_hits([math.nan], [0], 10, THRESHOLDS)
    with pytest.raises(ConfigError, match="one per track"):
        expected_false_hits([0.1, 0.2], [0], 10, THRESHOLDS)
    with pytest.raises(ConfigError, match="must be 4 thresholds"):
        expected_false_hits([0.1], [0], 10, THRESHOLDS[:3])
