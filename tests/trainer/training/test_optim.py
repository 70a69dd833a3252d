"""Optimizers against independent formulas, and the state of the head split by class."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from trainer.config.head import HeadConfig
from trainer.config.loss import LossConfig, Margin
from trainer.config.train import OptimConfig, ScheduleConfig
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from trainer.training.optim import HeadOptimizer, SampledSgd, build_optimizer, lr_factor

SGD = OptimConfig(kind="sgd", momentum=0.9, weight_decay=0.01)
MARGIN = LossConfig(margin=Margin(angle_margin_rad=0.5))


def head_of(*, sample_rate: float = 1.0, ranks: Ranks | None = None, classes: int = 8) -> ClassHead:
    return ClassHead(classes, 4, MARGIN, HeadConfig(sample_rate=sample_rate), ranks=ranks, seed=3)


def sgd_step(
    weight: NDArray[np.float64],
    momentum: NDArray[np.float64],
    gradient: NDArray[np.float64],
    lr: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weight and momentum: v <- 0.9 v + g + 0.01 w; w <- w - lr v."""
    momentum = 0.9 * momentum + gradient + 0.01 * weight
    return weight - lr * momentum, momentum


def test_sampled_rows_follow_sgd_and_the_others_stay() -> None:
    head = head_of(sample_rate=0.5)
    optimizer = SampledSgd(head, SGD)
    weight = head.weight.detach().double().numpy().copy()
    momentum = np.zeros_like(weight)
    rng = np.random.default_rng(1)
    seen: set[int] = set()
    for step, lr in enumerate((0.1, 0.05, 0.2)):
        head.begin_step(torch.tensor([step, step + 1]), step)
        assert head.active_rows is not None
        rows = head.active_rows.numpy()
        assert 0 < len(rows) < 8
        gradient = rng.normal(size=(len(rows), 1, 4))
        head.active.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step(lr)
        weight[rows], momentum[rows] = sgd_step(weight[rows], momentum[rows], gradient, lr)
        seen |= set(rows.tolist())
    np.testing.assert_allclose(head.weight.detach().numpy(), weight, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(optimizer.momentum.numpy(), momentum, rtol=1e-5, atol=1e-7)
    assert len(seen) > 4, "the momentum of a row rests while the row is not sampled"


def test_all_rows_follow_sgd() -> None:
    head = head_of()
    optimizer = HeadOptimizer(head, SGD)
    weight = head.weight.detach().double().numpy().copy()
    momentum = np.zeros_like(weight)
    for lr in (0.1, 0.05):
        gradient = np.full_like(weight, 0.3)
        head.active.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step(lr)
        weight, momentum = sgd_step(weight, momentum, gradient, lr)
    np.testing.assert_allclose(head.weight.detach().numpy(), weight, rtol=1e-5, atol=1e-7)


def test_a_step_without_a_gradient_changes_nothing() -> None:
    head = head_of(sample_rate=0.5)
    before = head.weight.detach().clone()
    head.begin_step(torch.tensor([0]), 0)
    HeadOptimizer(head, SGD).step(0.1)
    assert torch.equal(head.weight, before)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_two_ranks_go_on_where_one_stopped(kind: str) -> None:
    # The state of 8 classes is split into two ranks of 4; the next update must be the same.
    config = OptimConfig(kind=kind, lr=0.1, weight_decay=0.01)  # type: ignore[arg-type]

    def update(head: ClassHead, optimizer: HeadOptimizer, gradient: torch.Tensor) -> None:
        head.active.grad = gradient.clone()
        optimizer.step(0.1)

    gradients = torch.randn(3, 8, 1, 4, generator=torch.Generator().manual_seed(5))
    whole = head_of()
    optimizer = HeadOptimizer(whole, config)
    for gradient in gradients[:2]:
        update(whole, optimizer, gradient)
    rows, numbers = optimizer.rows_state()
    rows = {name: value.clone() for name, value in rows.items()}
    update(whole, optimizer, gradients[2])
    for rank in range(2):
        part = head_of(ranks=Ranks(rank, 2))
        here = slice(part.local_classes.start, part.local_classes.stop)
        resumed = HeadOptimizer(part, config)
        resumed.load_rows({name: value[here] for name, value in rows.items()}, numbers)
        update(part, resumed, gradients[2][here])
        torch.testing.assert_close(part.weight.detach(), whole.weight.detach()[here])


def test_a_state_without_its_momentum_is_refused() -> None:
    head = head_of(sample_rate=0.5)
    with pytest.raises(KeyError, match="momentum_buffer of weight"):
        HeadOptimizer(head, SGD).load_rows({"weight": head.weight.detach()}, {})


def test_frozen_weights_are_not_decayed() -> None:
    frozen, free = nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(2))
    optimizer = build_optimizer([frozen, free], SGD)
    free.grad = torch.zeros(2)
    optimizer.step()
    assert frozen.tolist() == [1, 1]
    assert free.max() < 1


SCHEDULES = st.builds(
    ScheduleConfig,
    kind=st.sampled_from(["constant", "cosine", "polynomial"]),
    warmup_steps=st.integers(0, 20),
    power=st.floats(0.5, 3),
    end_factor=st.floats(0, 0.5),
)


@given(SCHEDULES, st.integers(21, 200))
def test_rates_rise_to_the_highest_then_never_rise(config: ScheduleConfig, steps: int) -> None:
    factors = [lr_factor(config, step, steps) for step in range(steps)]
    warm = factors[: config.warmup_steps]
    assert warm == sorted(warm)
    assert all(0 <= factor <= 1 + 1e-12 for factor in factors)
    after = factors[config.warmup_steps :]
    assert after[0] == pytest.approx(1.0)
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(after))
    if config.kind != "constant":
        assert lr_factor(config, steps, steps) == pytest.approx(config.end_factor)
