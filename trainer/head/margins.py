"""Margins: functions of the cosine between an embedding and its own class weight.

The combined margin of the paper (eq. 4) covers all of them. With theta the angle of that cosine,

    T(theta) = cos(angle_factor * theta + angle_margin_rad) - cosine_margin

ArcFace (eq. 3) is angle_margin_rad = 0.5, SphereFace by arc-cosine is angle_factor = 1.35, CosFace
is cosine_margin = 0.35, and norm-softmax (eq. 2) has no margin.

**Gradient.** ``exact`` is the gradient of eq. 4: dT/dcos = f sin(f theta + m) / sin(theta). It is
unbounded as theta approaches 0 or pi. T and its gradient are therefore evaluated at the nearest
angle at least ``SMALLEST_ANGLE_RAD`` (0.081 degrees) away from both. The gradient there is finite
and never zero. Cosines beyond 1 by rounding follow the same rule. ``straight-through`` has the
value T and the gradient of the plain cosine, like the published arcface_torch.

**Beyond pi.** From theta* = (pi - m) / f on, the logit of eq. 4 rises with theta: it would push a
face away from its own class. ``beyond_pi`` selects the logit beyond theta*:

- ``continue`` (default): cos(theta) - cos(theta*) - 1. It falls with theta everywhere, without a
  jump, and has the gradient of the plain cosine.
- ``jump``: cos(theta) - m sin(m), as in the published MXNet code. It falls with theta and jumps at
  theta* (by 0.117 for m = 0.5). It is defined for an additive angle only: angle_factor must be 1.
- ``formula``: eq. 4 itself.
- ``easy``: eq. 4 for theta < pi/2, and cos(theta) elsewhere (the "easy margin").
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainer.config.loss import Margin

# 1e-6 below 1 is seventeen steps of float32, so the gradient is still accurate.
_LARGEST_COSINE = 1 - 1e-6
SMALLEST_ANGLE_RAD = math.acos(_LARGEST_COSINE)


def angle_of(cosine: Tensor) -> Tensor:
    """Return the angle of a cosine in [0, pi], with a finite gradient everywhere.

    Half precision is converted to float32 first. Value and gradient are those at the nearest angle
    that is ``SMALLEST_ANGLE_RAD`` away from 0 and pi. A cosine outside [-1, 1] counts as -1 or 1.

    Args:
        cosine: Any shape.

    Returns:
        Radians, same shape; float32, or float64 for float64.
    """
    clamped = _clamped(upcast_half(cosine))
    # atan2 of sine and cosine: its derivative is more accurate near 0 and pi than that of acos.
    return torch.atan2(_sine(clamped), clamped)


def target_logit(cosine: Tensor, margin: Margin) -> Tensor:
    """Return T, the cosine between a face and its own class after the margin, before scaling by s.

    Args:
        cosine: (N,) or any shape; half precision is converted to float32 first.
        margin: The margin.

    Returns:
        Same shape; float32, or float64 for float64. Value and gradient are finite for any finite
        cosine. Without a margin, the cosine itself.

    Source:
        Deng et al. 2019, eq. 4. Example: ArcFace at 60 degrees is cos(60 + 28.65 degrees).

    Example:
        >>> round(float(target_logit(torch.tensor(0.5), Margin(angle_margin_rad=0.5))), 4)
        0.0236
    """
    cosine = upcast_half(cosine)
    plain = margin.angle_factor == 1 and margin.angle_margin_rad == 0
    if margin.gradient == "straight-through":
        with torch.no_grad():
            change = (_with_margin(cosine, margin) if not plain else cosine) - cosine
        return cosine + change - margin.cosine_margin
    return (cosine if plain else _with_margin(cosine, margin)) - margin.cosine_margin


def _with_margin(cosine: Tensor, margin: Margin) -> Tensor:
    """Return cos(f theta + m), and the selected logit beyond pi."""
    clamped = _clamped(cosine)
    shift = margin.angle_margin_rad
    if margin.angle_factor == 1:
        value = clamped * math.cos(shift) - _sine(clamped) * math.sin(shift)
    else:
        value = torch.cos(margin.angle_factor * angle_of(clamped) + shift)
    if margin.beyond_pi == "formula":
        return value
    if margin.beyond_pi == "easy":
        return torch.where(cosine > 0, value, cosine)
    last_cosine = math.cos(margin.last_angle_rad)
    if margin.last_angle_rad == math.pi:
        return value
    offset = shift * math.sin(shift) if margin.beyond_pi == "jump" else last_cosine + 1
    return torch.where(cosine > last_cosine, value, cosine - offset)


def upcast_half(value: Tensor) -> Tensor:
    """Return half precision as float32, and other precisions unchanged; any shape."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def _clamped(cosine: Tensor) -> Tensor:
    """Clamp the value but not the gradient: a face at a limit still has a gradient."""
    clamped = cosine.detach().clamp(-_LARGEST_COSINE, _LARGEST_COSINE)
    return clamped + (cosine - cosine.detach())


def _sine(cosine: Tensor) -> Tensor:
    """Return sin(arccos(c)); the product is more accurate near 1 and -1 than 1 - c * c."""
    return torch.sqrt((1 - cosine) * (1 + cosine))
