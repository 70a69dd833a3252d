"""Margins: what becomes of the cosine between an embedding and its own class. Pure functions.

The paper's combined margin (eq. 4) holds all of them: with theta the angle of that cosine,

    T(theta) = cos(angle_factor * theta + angle_margin_rad) - cosine_margin

ArcFace (eq. 3) is angle_margin_rad = 0.5, SphereFace by arc-cosine angle_factor = 1.35, CosFace
cosine_margin = 0.35, norm-softmax (eq. 2) none of them.

**Gradient.** ``exact`` is the formula's: dT/dcos = f sin(f theta + m) / sin(theta). It has no bound
where theta goes to 0 or pi, so T and its gradient are taken at the nearest angle that is at least
``SMALLEST_ANGLE_RAD`` away from both (0.081 degrees); the gradient there is finite and never zero,
and a cosine beyond 1 by rounding is met by the same rule. ``straight-through`` is what the
published arcface_torch does: the value is T, the gradient that of the plain cosine.

**Beyond pi.** From theta* = (pi - m) / f on, the formula's logit rises again with theta: a face
would be pushed away from its own class. ``beyond_pi`` chooses:

- ``continue`` (default): cos(theta) - cos(theta*) - 1. Falls with theta everywhere, has no jump,
  and its gradient is the plain cosine's.
- ``jump``: cos(theta) - m sin(m), of the published MXNet code: falls with theta, with a jump at
  theta* (0.117 for m = 0.5). Stated for an additive angle alone, so angle_factor must be 1.
- ``formula``: the paper's equation as it stands.
- ``easy``: the margin where theta < pi/2 only, plain cos(theta) elsewhere: the "easy margin".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainer.config.loss import Margin

# 1 - cos of it is 1e-6: seventeen steps of float32, so that the gradient is still well known.
_LARGEST_COSINE = 1 - 1e-6
SMALLEST_ANGLE_RAD = math.acos(_LARGEST_COSINE)


def angle_of(cosine: Tensor) -> Tensor:
    """Return the angle of a cosine in [0, pi], with a finite gradient everywhere.

    Half precision is raised to float32 first. Value and gradient are those at the nearest angle
    that is ``SMALLEST_ANGLE_RAD`` away from 0 and pi; a cosine outside [-1, 1] counts as the end.

    Args:
        cosine: Any shape.

    Returns:
        Radians, float32 (float64 for float64).
    """
    inside = _inside(raised(cosine))
    # The arc-cosine by way of the sine: its derivative keeps its digits near the ends.
    return torch.atan2(_sine(inside), inside)


def target_logit(cosine: Tensor, margin: Margin) -> Tensor:
    """Return T, the cosine of a face and its own class after the margin; not yet scaled by s.

    Args:
        cosine: (N,) or any shape; half precision is raised to float32 first.
        margin: Which.

    Returns:
        Same shape, float32 (float64 for float64). Finite for any finite cosine, and so is the
        gradient. Without a margin, the cosine itself.

    Source:
        Deng et al. 2019, eq. 4. Example: ArcFace at 60 degrees is cos(60 + 28.65 degrees).

    Example:
        >>> round(float(target_logit(torch.tensor(0.5), Margin(angle_margin_rad=0.5))), 4)
        0.0236
    """
    cosine = raised(cosine)
    plain = margin.angle_factor == 1 and margin.angle_margin_rad == 0
    if margin.gradient == "straight-through":
        with torch.no_grad():
            change = (_with_margin(cosine, margin) if not plain else cosine) - cosine
        return cosine + change - margin.cosine_margin
    return (cosine if plain else _with_margin(cosine, margin)) - margin.cosine_margin


def _with_margin(cosine: Tensor, margin: Margin) -> Tensor:
    """Return cos(f theta + m) with what was chosen beyond pi."""
    inside = _inside(cosine)
    shift = margin.angle_margin_rad
    if margin.angle_factor == 1:
        value = inside * math.cos(shift) - _sine(inside) * math.sin(shift)
    else:
        value = torch.cos(margin.angle_factor * angle_of(inside) + shift)
    if margin.beyond_pi == "formula":
        return value
    if margin.beyond_pi == "easy":
        return torch.where(cosine > 0, value, cosine)
    last = math.cos(margin.last_angle_rad)
    if margin.last_angle_rad == math.pi:
        return value
    rest = shift * math.sin(shift) if margin.beyond_pi == "jump" else last + 1
    return torch.where(cosine > last, value, cosine - rest)


def raised(value: Tensor) -> Tensor:
    """Return float32 for half precision, and anything finer as it is."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def _inside(cosine: Tensor) -> Tensor:
    """Clamp the value; the gradient passes, so that no face at an end stops learning."""
    clamped = cosine.detach().clamp(-_LARGEST_COSINE, _LARGEST_COSINE)
    return clamped + (cosine - cosine.detach())


def _sine(cosine: Tensor) -> Tensor:
    """Return sin(arccos(c)): the product keeps the digits that 1 - c * c loses near the ends."""
    return torch.sqrt((1 - cosine) * (1 + cosine))
