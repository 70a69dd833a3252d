"""Learning rate schedules, and the optimizers of backbone and head."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from trainer.config.train import OptimConfig, ScheduleConfig
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead


def lr_factor(config: ScheduleConfig, step: int, steps: int) -> float:
    """Return the factor of the highest learning rate at a step; it depends on the step alone.

    Args:
        config: The schedule.
        step: Number of the next update, from 0.
        steps: Updates of the whole run.

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
    progress = (step - config.warmup_steps) / max(steps - config.warmup_steps, 1)
    decay = (
        (1 + math.cos(math.pi * progress)) / 2
        if config.kind == "cosine"
        else (1 - progress) ** config.power
    )
    return config.end_factor + (1 - config.end_factor) * decay


def build_optimizer(
    parameters: Iterable[nn.Parameter], config: OptimConfig
) -> torch.optim.Optimizer:
    """Return the optimizer of some parameters; :func:`set_lr` sets the rate before each update."""
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    if config.kind == "adamw":
        return torch.optim.AdamW(trainable, lr=config.lr, weight_decay=config.weight_decay)
    return torch.optim.SGD(
        trainable, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
    )


class SampledSgd:
    """SGD with momentum on the sampled class weights of a step.

    The other class weights are neither decayed nor moved by their momentum.

    Attributes:
        momentum: (C, K, D) momentum of every class weight of this rank.

    Source:
        An et al. 2021, "Partial FC".
    """

    def __init__(self, head: ClassHead, config: OptimConfig) -> None:
        self._head, self._config = head, config
        self.momentum = torch.zeros_like(head.weight)

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the sampled rows from their gradient."""
        rows, active = self._head.active_rows, self._head.active
        assert rows is not None
        if active.grad is None or not len(rows):
            return
        change = active.grad.add(active, alpha=self._config.weight_decay)
        moving = self.momentum[rows].mul_(self._config.momentum).add_(change)
        self.momentum[rows] = moving
        self._head.weight[rows] = active - lr * moving


class HeadOptimizer:
    """Optimizer of this rank's class weights, with a state that can be split by class."""

    def __init__(self, head: ClassHead, config: OptimConfig) -> None:
        self._head = head
        self._unsampled: torch.optim.Optimizer | None = None
        self._sampled: SampledSgd | None = None
        if head.samples:
            self._sampled = SampledSgd(head, config)
        elif len(head.local_classes):
            self._unsampled = build_optimizer(head.parameters(), config)

    def step(self, lr: float) -> None:
        """Update the class weights from their gradients."""
        if self._sampled is not None:
            self._sampled.step(lr)
        elif self._unsampled is not None:
            set_lr(self._unsampled, lr)
            self._unsampled.step()

    def clear(self) -> None:
        """Delete the gradients."""
        self._head.zero_grad(set_to_none=True)
        self._head.active.grad = None

    def gradients(self) -> list[Tensor]:
        """Return the gradients of this rank: (R, K, D) of its class weights, (C,) of its biases."""
        tensors = [self._head.active]
        if self._head.bias is not None:
            tensors.append(self._head.bias)
        return [tensor.grad for tensor in tensors if tensor.grad is not None]

    def rows_state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return the optimizer state: tensors with one row a class, and numbers of all classes.

        Returns:
            Tensors by name, (C, K, D) for weights and (C,) for biases, C the classes of this rank;
            and numbers by name.
        """
        rows, numbers = {"weight": self._head.weight.detach()}, {}
        if self._head.bias is not None:
            rows["bias"] = self._head.bias.detach()
        if self._sampled is not None:
            rows["momentum_buffer of weight"] = self._sampled.momentum
        elif self._unsampled is not None:
            for name, parameter in self._head.named_parameters():
                for key, value in self._unsampled.state[parameter].items():
                    if isinstance(value, Tensor) and value.shape == parameter.shape:
                        rows[f"{key} of {name}"] = value
                    elif value is not None:
                        numbers[f"{key} of {name}"] = float(value)
        return rows, numbers

    @torch.no_grad()
    def load_rows(self, rows: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Load the state that :meth:`rows_state` returned.

        Args:
            rows: (C, K, D) and (C,) tensors of this rank's classes, by name.
            numbers: Numbers of all classes, by name.

        Raises:
            KeyError: A tensor is missing.
            RuntimeError: A tensor has another shape.
        """
        for name, parameter in self._head.named_parameters():
            parameter.copy_(rows[name])
        if self._sampled is not None:
            self._sampled.momentum.copy_(rows["momentum_buffer of weight"])
        elif self._unsampled is not None:
            for name, parameter in self._head.named_parameters():
                state = self._unsampled.state[parameter]
                for key, value in rows.items():
                    if key.endswith(f" of {name}"):
                        state[key.removesuffix(f" of {name}")] = value.to(parameter.device).clone()
                for key, number in numbers.items():
                    if key.endswith(f" of {name}"):
                        state[key.removesuffix(f" of {name}")] = torch.tensor(number)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all parameters of an optimizer."""
    for group in optimizer.param_groups:
        group["lr"] = lr


@torch.no_grad()
def gradient_norm(shared: list[Tensor], split: list[Tensor], ranks: Ranks) -> Tensor:
    """Return the joint norm of all gradients of all ranks, a scalar.

    Args:
        shared: Gradients of the backbone, any shape, the same on every rank.
        split: Gradients of this rank's class weights, any shape.
        ranks: This process and the number of processes.
    """
    device = (shared or split)[0].device if shared or split else torch.device("cpu")
    zero = torch.zeros((), device=device)
    of_split = ranks.all_reduce_sum(_squares(split) if split else zero)
    return (_squares(shared) + of_split if shared else of_split).sqrt()


def _squares(gradients: list[Tensor]) -> Tensor:
    norms = torch._foreach_norm(gradients)  # noqa: SLF001  (torch's own clipping calls it)
    return torch.stack([norm.float() for norm in norms]).square().sum()
