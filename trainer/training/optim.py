"""Learning rates by step, and the updates of backbone and head."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from trainer.config.train import OptimConfig, ScheduleConfig
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead


def lr_factor(config: ScheduleConfig, step: int, steps: int) -> float:
    """Return what the highest learning rate is multiplied by at a step: a function of it alone.

    Args:
        config: Which schedule.
        step: From 0; of the update that is about to be made.
        steps: Of the whole run.

    Example:
        >>> paper = ScheduleConfig(milestones=(20_000, 28_000))
        >>> [round(lr_factor(paper, step, 32_000), 4) for step in (19_999, 20_000, 28_000)]
        [1.0, 0.1, 0.01]
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    if config.kind == "constant":
        return 1.0
    if config.kind == "step":
        return config.factor ** sum(step >= milestone for milestone in config.milestones)
    done = (step - config.warmup_steps) / max(steps - config.warmup_steps, 1)
    falling = (
        (1 + math.cos(math.pi * done)) / 2
        if config.kind == "cosine"
        else (1 - done) ** config.power
    )
    return config.end_factor + (1 - config.end_factor) * falling


def build_optimizer(
    parameters: Iterable[nn.Parameter], config: OptimConfig
) -> torch.optim.Optimizer:
    """Return the optimizer of one part of the model; the rate is set before every step."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    if config.kind == "adamw":
        return torch.optim.AdamW(learning, lr=config.lr, weight_decay=config.weight_decay)
    return torch.optim.SGD(
        learning, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
    )


class SampledSgd:
    """SGD with momentum on the class weights of a step alone; the others rest as they are.

    A weight that rests is neither decayed nor moved by its momentum (An et al. 2021, PartialFC).
    """

    def __init__(self, head: ClassHead, config: OptimConfig) -> None:
        self._head, self._config = head, config
        self.momentum = torch.zeros_like(head.weight)

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the active rows from their gradient."""
        rows, active = self._head.active_rows, self._head.active
        assert rows is not None
        if active.grad is None or not len(rows):
            return
        change = active.grad.add(active, alpha=self._config.weight_decay)
        moving = self.momentum[rows].mul_(self._config.momentum).add_(change)
        self.momentum[rows] = moving
        self._head.weight[rows] = active - lr * moving


class HeadOptimizer:
    """The update of this rank's class weights, whole or sampled, with a state that can be split.

    Attributes:
        rows_state: Tensors shaped like the weights, by name: what is re-shared over ranks.
    """

    def __init__(self, head: ClassHead, config: OptimConfig) -> None:
        self._head = head
        self._whole: torch.optim.Optimizer | None = None
        self._sampled: SampledSgd | None = None
        if head.samples:
            self._sampled = SampledSgd(head, config)
        elif len(head.held):
            self._whole = build_optimizer(head.parameters(), config)

    def step(self, lr: float) -> None:
        """Update from the gradients at hand."""
        if self._sampled is not None:
            self._sampled.step(lr)
        elif self._whole is not None:
            set_lr(self._whole, lr)
            self._whole.step()

    def clear(self) -> None:
        """Forget the gradients."""
        self._head.zero_grad(set_to_none=True)
        self._head.active.grad = None

    def gradients(self) -> list[Tensor]:
        """Return the gradients of this rank's rows."""
        tensors = [self._head.active]
        if self._head.bias is not None:
            tensors.append(self._head.bias)
        return [tensor.grad for tensor in tensors if tensor.grad is not None]

    def rows_state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return the tensors with one row a class, and the numbers that all classes share."""
        rows, numbers = {"weight": self._head.weight.detach()}, {}
        if self._head.bias is not None:
            rows["bias"] = self._head.bias.detach()
        if self._sampled is not None:
            rows["momentum_buffer of weight"] = self._sampled.momentum
        elif self._whole is not None:
            for name, parameter in self._head.named_parameters():
                for key, value in self._whole.state[parameter].items():
                    if isinstance(value, Tensor) and value.shape == parameter.shape:
                        rows[f"{key} of {name}"] = value
                    elif value is not None:
                        numbers[f"{key} of {name}"] = float(value)
        return rows, numbers

    @torch.no_grad()
    def load_rows(self, rows: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Take over what :meth:`rows_state` gave, cut to this rank's classes."""
        for name, parameter in self._head.named_parameters():
            parameter.copy_(rows[name])
        if self._sampled is not None:
            self._sampled.momentum.copy_(rows["momentum_buffer of weight"])
        elif self._whole is not None:
            for name, parameter in self._head.named_parameters():
                state = self._whole.state[parameter]
                for key, value in rows.items():
                    if key.endswith(f" of {name}"):
                        state[key.removesuffix(f" of {name}")] = value.to(parameter.device).clone()
                for key, number in numbers.items():
                    if key.endswith(f" of {name}"):
                        state[key.removesuffix(f" of {name}")] = torch.tensor(number)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of everything an optimizer moves."""
    for group in optimizer.param_groups:
        group["lr"] = lr


@torch.no_grad()
def gradient_norm(shared: list[Tensor], split: list[Tensor], ranks: Ranks) -> Tensor:
    """Return the norm of all gradients together: those on every rank, and those split over ranks.

    Args:
        shared: The backbone's, the same on every rank.
        split: This rank's part of the head's.
        ranks: Who we are.
    """
    device = (shared or split)[0].device if shared or split else torch.device("cpu")
    zero = torch.zeros((), device=device)
    of_split = _squares(split) if split else zero
    return (_squares(shared) + ranks.total(of_split) if shared else ranks.total(of_split)).sqrt()


def _squares(gradients: list[Tensor]) -> Tensor:
    norms = torch._foreach_norm(gradients)  # noqa: SLF001  (what torch's own clipping calls)
    return torch.stack([norm.float() for norm in norms]).square().sum()
