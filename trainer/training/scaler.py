"""Loss scaling for float16, in which small gradients would underflow to zero.

Source: Micikevicius et al. 2018, "Mixed precision training", section 3.2.
"""

from __future__ import annotations

import math

from torch import Tensor

_INITIAL_SCALE = 2.0**16
_SMALLEST_SCALE = 2.0**-10
_GROWTH_INTERVAL = 2000


class LossScaler:
    """Scales the loss, unscales the gradients and skips updates that overflowed.

    The decision depends on the norm of all gradients of all ranks, so all ranks agree.

    Attributes:
        enabled: False for precisions that need no scaling.
        scale: Factor of the loss.
        good_steps: Updates since the scale last changed.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self.scale = _INITIAL_SCALE if enabled else 1.0
        self.good_steps = 0

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the scaled loss, a scalar, for the backward pass."""
        return loss * self.scale if self.enabled else loss

    def unscale(self, gradients: list[Tensor]) -> None:
        """Divide gradients of any shape by the scale, in place."""
        if self.enabled:
            for gradient in gradients:
                gradient.mul_(1 / self.scale)

    def may_step(self, norm: Tensor) -> bool:
        """Return False after an overflow, and adapt the scale: halve it, or double it in time.

        Args:
            norm: Norm of all unscaled gradients, a scalar.
        """
        if not self.enabled:
            return True
        if not math.isfinite(float(norm)):
            self.scale /= 2
            self.good_steps = 0
            return False
        self.good_steps += 1
        if self.good_steps >= _GROWTH_INTERVAL:
            self.scale *= 2
            self.good_steps = 0
        return True

    @property
    def exhausted(self) -> bool:
        """True if even tiny scales overflow: then the loss itself is not finite."""
        return self.enabled and self.scale < _SMALLEST_SCALE
