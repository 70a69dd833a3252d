"""Every margin against NumPy in float64: value and gradient, in every precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.config.loss import NAMED_LOSSES, BeyondPi, Margin
from trainer.head.margins import SMALLEST_ANGLE_RAD, angle_of, target_logit
from vidsearch.errors import ConfigError

Floats = NDArray[np.float64]
MARGINS = {
    name: NAMED_LOSSES[name].margin
    for name in ("norm-softmax", "arcface", "sphereface", "cosface", "cm1", "cm2")
}
BEYOND: tuple[BeyondPi, ...] = ("continue", "jump", "formula", "easy")
# theta from 1 to 179 degrees without 90, where the easy margin jumps.
THETA = np.radians(np.linspace(1, 179, 356))


def formula(theta: Floats, margin: Margin) -> tuple[Floats, Floats]:
    """Return T and dT/dcos from the equations, with theta as the variable."""
    f, m, c = margin.angle_factor, margin.angle_margin_rad, margin.cosine_margin
    value = np.cos(f * theta + m) - c
    # d/dcos = d/dtheta / (dcos/dtheta) = -f sin(f theta + m) / -sin(theta)
    slope = f * np.sin(f * theta + m) / np.sin(theta)
    if f == 1 and m == 0:
        return value, slope
    past = f * theta + m > np.pi
    if margin.beyond_pi == "continue":
        last = (np.pi - m) / f
        return (
            np.where(past, np.cos(theta) - np.cos(last) - 1 - c, value),
            np.where(past, 1.0, slope),
        )
    if margin.beyond_pi == "jump":
        return (
            np.where(past, np.cos(theta) - m * np.sin(m) - c, value),
            np.where(past, 1.0, slope),
        )
    if margin.beyond_pi == "easy":
        wide = theta >= np.pi / 2
        return np.where(wide, np.cos(theta) - c, value), np.where(wide, 1.0, slope)
    return value, slope


def computed(
    cosine: Floats, margin: Margin, dtype: torch.dtype = torch.float64
) -> tuple[Floats, Floats]:
    given_ = torch.tensor(cosine, dtype=dtype, requires_grad=True)
    value = target_logit(given_, margin)
    value.sum().backward()  # type: ignore[no-untyped-call]
    assert given_.grad is not None
    return value.detach().double().numpy(), given_.grad.double().numpy()


def variants() -> list[pytest.param]:  # type: ignore[valid-type]
    return [
        pytest.param(
            Margin(
                angle_factor=margin.angle_factor,
                angle_margin_rad=margin.angle_margin_rad,
                cosine_margin=margin.cosine_margin,
                beyond_pi=beyond,
            ),
            id=f"{name}-{beyond}",
        )
        for name, margin in MARGINS.items()
        for beyond in BEYOND
        if not (beyond == "jump" and margin.angle_factor != 1)
    ]


@pytest.mark.parametrize("margin", variants())
def test_value_and_gradient_match_the_formula(margin: Margin) -> None:
    value, slope = computed(np.cos(THETA), margin)
    expected_value, expected_slope = formula(THETA, margin)
    np.testing.assert_allclose(value, expected_value, atol=1e-12)
    np.testing.assert_allclose(slope, expected_slope, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("margin", variants())
def test_gradcheck(margin: Margin) -> None:
    # Away from 90 degrees and from the end of each margin, where there is no derivative.
    angles = np.radians([3.0, 20.0, 55.0, 80.0, 100.0, 120.0, 170.0])
    cosine = torch.tensor(np.cos(angles), requires_grad=True)
    assert torch.autograd.gradcheck(lambda c: target_logit(c, margin), (cosine,))


@pytest.mark.parametrize(
    ("degrees", "exact"),
    # 64 sin(10 deg + 0.5) / sin(10 deg); 64 sin(160 deg + 0.5) / sin(160 deg)
    [(10.0, 230.2), (160.0, -28.1)],
)
def test_golden_gradients_of_arcface(degrees: float, exact: float) -> None:
    cosine = np.array([math.cos(math.radians(degrees))])
    paper = Margin(angle_margin_rad=0.5, beyond_pi="formula")
    constant = Margin(angle_margin_rad=0.5, beyond_pi="formula", gradient="straight-through")
    assert 64 * computed(cosine, paper)[1][0] == pytest.approx(exact, abs=0.05)
    assert 64 * computed(cosine, constant)[1][0] == pytest.approx(64.0, abs=1e-9)
    # The values are equal, only the gradients differ.
    assert computed(cosine, paper)[0] == pytest.approx(computed(cosine, constant)[0])


def test_jump_beyond_pi_matches_the_published_code() -> None:
    # m = 0.5: at pi - m, cos(theta + m) is -1 and cos(theta) - m sin(m) is -1.1173.
    last = math.pi - 0.5
    cosine = np.cos(np.array([last - 1e-9, last + 1e-9]))
    before, after = computed(cosine, Margin(angle_margin_rad=0.5, beyond_pi="jump"))[0]
    assert before == pytest.approx(-1.0, abs=1e-6)
    assert after == pytest.approx(-1.1173, abs=1e-4)


@pytest.mark.parametrize("name", ["arcface", "sphereface", "cm1", "cm2"])
def test_default_falls_with_the_angle_without_a_jump(name: str) -> None:
    theta = np.linspace(0.002, math.pi - 0.002, 20_001)
    value, slope = computed(np.cos(theta), MARGINS[name])
    steps = np.diff(value)
    assert (steps < 0).all()
    assert abs(steps).max() < 5e-4
    # The slope is not negative.
    assert (slope > -1e-9).all()


@pytest.mark.parametrize("margin", variants())
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_values_are_finite_for_cosines_beyond_the_limits(
    margin: Margin, dtype: torch.dtype
) -> None:
    above = 1 + torch.finfo(dtype).eps
    cosine = np.array([1.0, -1.0, above, -above, 1.01, -1.01, 40.0, 0.0, 0.999999, -0.999999])
    value, slope = computed(cosine, margin, dtype)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    # Bounded by the gradient at the smallest angle: 4 / sin of it.
    assert abs(slope).max() <= 4 / math.sin(SMALLEST_ANGLE_RAD)


def test_a_face_equal_to_its_class_weight_has_a_gradient() -> None:
    _, slope = computed(np.array([1.0, 1.0 + 1e-7]), MARGINS["arcface"], torch.float32)
    expected = math.sin(SMALLEST_ANGLE_RAD + 0.5) / math.sin(SMALLEST_ANGLE_RAD)
    np.testing.assert_allclose(slope, expected, rtol=0.05)


@given(st.floats(0.002, math.pi - 0.002), st.floats(0.1, 2.0), st.floats(0, 1), st.floats(0, 0.9))
def test_any_combined_margin_matches_the_formula_before_pi(
    theta: float, factor: float, shift: float, lowered: float
) -> None:
    margin = Margin(angle_factor=factor, angle_margin_rad=shift, cosine_margin=lowered)
    if factor * theta + shift > math.pi - 1e-6:
        return
    value, slope = computed(np.cos([theta]), margin)
    expected_value, expected_slope = formula(np.array([theta]), margin)
    np.testing.assert_allclose(value, expected_value, atol=1e-9)
    np.testing.assert_allclose(slope, expected_slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.float16, 4e-3), (torch.bfloat16, 3e-2)],
)
def test_angle_of_is_the_arc_cosine(dtype: torch.dtype, tolerance: float) -> None:
    theta = np.radians(np.linspace(10, 170, 161))
    angle = angle_of(torch.tensor(np.cos(theta), dtype=dtype))
    np.testing.assert_allclose(angle.double().numpy(), theta, atol=tolerance)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"angle_margin_rad": 3.2}, r"angle_margin_rad must lie in \[0, pi\)"),
        ({"angle_factor": 0.0}, r"angle_factor must lie in \(0, 4\]"),
        ({"cosine_margin": -0.1}, r"cosine_margin must lie in \[0, 2\)"),
        ({"angle_factor": 1.35, "beyond_pi": "jump"}, "choose 'continue'"),
    ],
)
def test_impossible_margins_are_refused(values: dict[str, float], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Margin(**values)  # type: ignore[arg-type]
