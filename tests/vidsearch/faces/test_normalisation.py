"""Normalisation of pixels: values by hand, in the channel order of the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.faces.normalisation import Normalisation


def test_a_pixel_by_hand() -> None:
    # One RGB pixel (10, 20, 30); mean and std are given in the order of the network, blue first.
    pixel = np.array([[[[10, 20, 30]]]], np.uint8)
    network = Normalisation(mean=(10, 10, 10), std=(2, 4, 8), channels="bgr")
    assert network.apply(pixel).ravel().tolist() == [10.0, 2.5, 0.0]
    assert Normalisation(mean=(10, 10, 10), std=(2, 4, 8)).apply(pixel).ravel().tolist() == [
        0.0,
        2.5,
        2.5,
    ]


def test_the_input_stays_and_the_result_is_contiguous() -> None:
    faces = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    before = faces.copy()
    planes = Normalisation(channels="bgr").apply(faces)
    assert planes.shape == (2, 3, 2, 2)
    assert planes.flags.c_contiguous, "onnxruntime would copy it, and torch.from_numpy refuse it"
    assert (faces == before).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": (0.0, 0.0)}, "mean must be three numbers"),
        ({"mean": (0.0, float("nan"), 0.0)}, "mean must be three numbers"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be three positive numbers"),
        ({"std": (1.0, float("inf"), 1.0)}, "std must be three positive numbers"),
        ({"channels": "grey"}, "'rgb' or 'bgr'; got 'grey'"),
    ],
)
def test_values_that_would_blind_the_network(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Normalisation(**changes)
