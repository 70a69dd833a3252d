"""Loss scaling for float16, whose smallest gradients would be zero."""

from __future__ import annotations

import math

from torch import Tensor

_START = 2.0**16
_GROW_AFTER = 2000


class LossScaler:
    """Multiplies the loss, divides the gradients, and leaves out updates that overflowed.

    The decision looks at the norm of all gradients of all ranks, so every rank makes the same one.

    Attributes:
        scale: What the loss is multiplied by.
        good_steps: Updates since it last changed.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self.scale = _START if enabled else 1.0
        self.good_steps = 0

    def scaled(self, loss: Tensor) -> Tensor:
        """Return what to run backward from."""
        return loss * self.scale if self.enabled else loss

    def restore(self, gradients: list[Tensor]) -> None:
        """Give gradients their true size again, in place."""
        if self.enabled:
            for gradient in gradients:
                gradient.mul_(1 / self.scale)

    def may_step(self, norm: Tensor) -> bool:
        """Whether the update counts; an overflow halves the scale instead."""
        if not self.enabled:
            return True
        if not math.isfinite(float(norm)):
            self.scale /= 2
            self.good_steps = 0
            return False
        self.good_steps += 1
        if self.good_steps >= _GROW_AFTER:
            self.scale *= 2
            self.good_steps = 0
        return True

    @property
    def exhausted(self) -> bool:
        """Whether even tiny scales overflow: the loss itself is broken."""
        return self.enabled and self.scale < 2.0**-10
