from __future__ import annotations

import numpy as np
import pytest

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.errors import ConfigError
from vidsearch.faces.embed.base import BatchEmbedder, EmbedderConfig
from vidsearch.faces.geometry.align import ARCFACE_112
from vidsearch.faces.normalisation import Normalisation


def test_normalisation_by_hand() -> None:
    """Red is 200 - 100 over 50, green 0 - 10 over 5, blue 0 - 1 over 2."""
    red = np.zeros((1, 8, 8, 3), np.uint8)
    red[..., 0] = 200
    norm = Normalisation(mean=(100.0, 10.0, 1.0), std=(50.0, 5.0, 2.0))
    assert norm.apply(red)[0, :, 3, 4].tolist() == [2.0, -2.0, -0.5]


def test_mean_and_std_are_in_the_networks_own_channel_order() -> None:
    """Blue comes first: 0 - 100 over 50; red last: 200 - 1 over 2."""
    red = np.zeros((1, 8, 8, 3), np.uint8)
    red[..., 0] = 200
    norm = Normalisation(mean=(100.0, 10.0, 1.0), std=(50.0, 5.0, 2.0), channels="bgr")
    assert norm.apply(red)[0, :, 0, 0].tolist() == [-2.0, -2.0, 99.5]


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_normalising_leaves_the_faces_alone(channels: str, rng: np.random.Generator) -> None:
    faces = rng.integers(0, 256, (2, 8, 8, 3), np.uint8)
    before = faces.copy()
    planes = Normalisation(channels=channels).apply(faces)  # type: ignore[arg-type]
    np.testing.assert_array_equal(faces, before)
    assert planes.flags.c_contiguous
    assert planes.dtype == np.float32


class _Edges(BatchEmbedder):
    """Embeds a face as the sums of its left and right halves, and records the batch sizes."""

    def __init__(self, mirror: bool, batch: int) -> None:
        config = EmbedderConfig(
            model_id="edges",
            dim=2,
            template=ARCFACE_112,
            normalisation=Normalisation(),
            mirror=mirror,
        )
        super().__init__(config, batch)
        self.sizes: list[int] = []

    def _run(self, faces: AlignedFaces) -> Matrix:
        self.sizes.append(len(faces))
        halves = [faces[:, :, :56], faces[:, :, 56:]]
        return np.stack([h.sum(axis=(1, 2, 3), dtype=np.float32) for h in halves], axis=1)


def test_the_mirrored_view_is_averaged_with_its_own_face() -> None:
    faces = np.zeros((5, 112, 112, 3), np.uint8)
    faces[:, 0, 0, 0] = [10, 20, 30, 40, 50]  # a pixel on the left edge, another in each face
    plain, both = _Edges(mirror=False, batch=2), _Edges(mirror=True, batch=2)
    assert plain.embed(faces).tolist() == [[10, 0], [20, 0], [30, 0], [40, 0], [50, 0]]
    assert both.embed(faces).tolist() == [[5, 5], [10, 10], [15, 15], [20, 20], [25, 25]]
    assert (plain.sizes, both.sizes) == ([2, 2, 1], [4, 4, 2])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mean": (1.0, 2.0)}, "mean must be three numbers"),
        ({"mean": (1.0, 2.0, float("nan"))}, "mean must be three numbers"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be three positive numbers"),
        ({"std": (1.0, float("inf"), 1.0)}, "std must be three positive numbers"),
        ({"channels": "gbr"}, "channels must be 'rgb' or 'bgr'; got 'gbr'"),
    ],
)
def test_a_wrong_normalisation_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Normalisation(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model_id", "dim", "message"),
    [("", 4, "model_id must not be empty"), ("m", 0, "dim must be positive; got 0")],
)
def test_a_wrong_configuration_is_refused(model_id: str, dim: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EmbedderConfig(
            model_id=model_id, dim=dim, template=ARCFACE_112, normalisation=Normalisation()
        )
