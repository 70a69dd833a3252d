"""Loss scaling: disabled it changes nothing, and an overflow restarts the count."""

from __future__ import annotations

import math

import torch

from trainer.training.scaler import LossScaler


def test_precisions_without_scaling_never_skip_an_update() -> None:
    # A loss that is not finite is then reported by the loop; it is not hidden by skipped updates.
    scaler = LossScaler(enabled=False)
    gradient = torch.tensor([3.0])
    scaler.unscale([gradient])
    assert gradient.item() == 3.0
    assert float(scaler.scaled(torch.tensor(2.0))) == 2.0
    assert scaler.may_step(torch.tensor(math.nan))
    assert not scaler.exhausted


def test_gradients_of_a_scaled_loss_are_those_of_the_loss() -> None:
    scaler = LossScaler(enabled=True)
    weight = torch.tensor([2.0], requires_grad=True)
    scaler.scaled((3 * weight).sum()).backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    scaler.unscale([weight.grad])
    assert weight.grad.item() == 3.0


def test_an_overflow_restarts_the_count_of_good_updates() -> None:
    scaler = LossScaler(enabled=True)
    for _ in range(1999):
        scaler.may_step(torch.tensor(1.0))
    before = scaler.scale
    scaler.may_step(torch.tensor(math.inf))
    for _ in range(1999):
        assert scaler.may_step(torch.tensor(1.0))
    assert scaler.scale == before / 2
    scaler.may_step(torch.tensor(1.0))
    assert scaler.scale == before
