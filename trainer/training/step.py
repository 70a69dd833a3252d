"""One update of all weights from one global batch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainer.backbones import Backbone
from trainer.backbones.base import BATCH_NORM
from trainer.config.train import TrainConfig
from trainer.data.base import Batch
from trainer.distributed.ranks import Ranks, gather_rows
from trainer.head.class_head import ClassHead, HeadResult
from trainer.training.optim import HeadOptimizer, build_optimizer, gradient_norm, lr_factor, set_lr
from trainer.training.out_of_memory import enough_memory
from trainer.training.scaler import LossScaler
from vidsearch.errors import TrainingError

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True, eq=False)
class StepResult:
    """What one update says about itself; tensors, so that a GPU need not be waited for.

    Attributes:
        loss: Mean over the global batch.
        terms: Each summand of the loss.
        gradient_norm: Of all weights together, before clipping.
        target_angles_rad: theta_y of the faces whose class this rank holds.
        lr: Learning rate of the head.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    gradient_norm: Tensor
    target_angles_rad: Tensor
    lr: float


class TrainStep:
    """Backbone, head and their optimizers.

    Attributes:
        backbone: The network itself, not its wrappers.
        head: This rank's classes.
        optimizer: Of the backbone.
        head_optimizer: Of the head.
        scaler: Keeps float16 gradients in range; does nothing in other precisions.
    """

    def __init__(
        self,
        backbone: Backbone,
        head: ClassHead,
        config: TrainConfig,
        ranks: Ranks,
        device: torch.device,
    ) -> None:
        if device.type == "cuda":
            # Batches are all alike: cuDNN tries its convolutions once and keeps the fastest.
            torch.backends.cudnn.benchmark = True
        layout = torch.channels_last if config.speed.channels_last else torch.contiguous_format
        backbone.freeze(config.backbone.frozen_stages)
        backbone.recompute_activations = config.backbone.recompute_activations
        self.backbone = backbone.to(device).train()
        self.backbone.to(memory_format=layout)  # type: ignore[call-overload]
        self.head = head.to(device).train()
        self.optimizer = build_optimizer(self.backbone.parameters(), config.optim)
        self.head_optimizer = HeadOptimizer(self.head, config.optim)
        self.scaler = LossScaler(enabled=config.speed.precision == "float16")
        self._config, self._ranks, self._device, self._layout = config, ranks, device, layout
        self._network = self._wrapped()

    def _wrapped(self) -> nn.Module:
        network: nn.Module = self.backbone
        if self._config.speed.compile:
            network = torch.compile(network)  # type: ignore[assignment]
        if self._ranks.world_size > 1:
            places = [self._device.index] if self._device.type == "cuda" else None
            # Each rank keeps its own batch statistics until settle_statistics().
            network = DistributedDataParallel(network, device_ids=places, broadcast_buffers=False)
        return network

    @torch.no_grad()
    def settle_statistics(self) -> None:
        """Give all ranks the same batch statistics: the mean of theirs, each of its own faces.

        Before the network is used or kept. Statistics at rest (frozen stages) are left alone.
        """
        norms = [
            module
            for module in self.backbone.modules()
            if isinstance(module, BATCH_NORM) and module.training
        ]
        buffers = [b for norm in norms for b in norm.buffers() if b.is_floating_point()]
        if self._ranks.world_size == 1 or not buffers:
            return
        joined = torch.cat([buffer.flatten() for buffer in buffers])
        mean = self._ranks.total(joined) / self._ranks.world_size
        for buffer in buffers:
            part, mean = mean[: buffer.numel()], mean[buffer.numel() :]
            buffer.copy_(part.view_as(buffer))

    @torch.no_grad()
    def is_finite(self) -> bool:
        """Return whether all weights, of all ranks, are numbers: a huge update may break them."""
        tensors = [*self.backbone.parameters(), *self.backbone.buffers(), *self.head.parameters()]
        broken = torch.stack([(~torch.isfinite(tensor)).any() for tensor in tensors]).any()
        return not bool(self._ranks.largest(broken.float()))

    def run(self, batch: Batch, step: int) -> StepResult:
        """Make update number ``step`` (from 0) with this rank's share of its global batch.

        Raises:
            DeviceMemoryError: It does not fit; the message says what to lower.
            TrainingSetError: A label is none of the classes.
            TrainingError: torch.compile was asked for and fails.
        """
        config = self._config
        with enough_memory(
            f"{self._device} at step {step} with batch {config.batch} over "
            f"{self._ranks.world_size} processes in {config.speed.accumulation} parts",
            "raise speed.accumulation, or set backbone.recompute_activations=true, "
            "speed.precision=bfloat16, or lower head.sample_rate or batch",
        ):
            try:
                return self._run(batch, step)
            except RuntimeError as error:
                if not (config.speed.compile and _is_of_compiler(error)):
                    raise
                reason = next(iter(str(error).splitlines()), type(error).__name__)
                raise TrainingError(
                    f"torch.compile cannot build the network here ({reason}); install a C++ "
                    "compiler (g++), or set speed.compile=false"
                ) from error

    def _run(self, batch: Batch, step: int) -> StepResult:
        config, ranks = self._config, self._ranks
        self.head.check_labels(batch.labels)
        faces = batch.faces.to(self._device, non_blocking=True)
        labels = batch.labels.to(self._device, non_blocking=True)
        shares = share_sizes(config.batch, ranks.world_size)
        if self.head.samples:
            self.head.begin_step(gather_rows(labels, shares, ranks), step)
        parts = [part_sizes(size, config.speed.accumulation) for size in shares]
        results: list[tuple[HeadResult, float]] = []
        start = 0
        for part in range(config.speed.accumulation):
            sizes = [of_rank[part] for of_rank in parts]
            rows = slice(start, start + sizes[ranks.rank])
            start = rows.stop
            weight = sum(sizes) / config.batch
            last = part == config.speed.accumulation - 1
            with nullcontext() if last else self._not_yet_shared():
                result = self._forward(faces[rows], labels[rows], sizes)
                self.scaler.scaled(result.loss * weight).backward()  # type: ignore[no-untyped-call]
            results.append((result, weight))
        norm, lr = self._update(step)
        return StepResult(
            loss=torch.stack([result.loss.detach() * weight for result, weight in results]).sum(),
            terms={
                name: torch.stack([result.terms[name] * weight for result, weight in results]).sum()
                for name in results[0][0].terms
            },
            gradient_norm=norm,
            target_angles_rad=torch.cat([result.target_angles_rad for result, _ in results]),
            lr=lr,
        )

    def _forward(self, faces: Tensor, labels: Tensor, sizes: Sequence[int]) -> HeadResult:
        planes = self.backbone.normalise(faces).contiguous(memory_format=self._layout)
        with self.autocast():
            embeddings = self._network(planes)
            result: HeadResult = self.head(embeddings, labels, sizes)
        return result

    def _update(self, step: int) -> tuple[Tensor, float]:
        config = self._config
        lr = config.optim.lr * lr_factor(config.schedule, step, config.steps)
        shared = [p.grad for p in self.backbone.parameters() if p.grad is not None]
        split = self.head_optimizer.gradients()
        self.scaler.restore(shared + split)
        norm = gradient_norm(shared, split, self._ranks)
        if self.scaler.may_step(norm):
            if config.optim.clip_norm:
                factor = (config.optim.clip_norm / (norm + 1e-6)).clamp(max=1)
                for gradient in shared + split:
                    gradient.mul_(factor)
            set_lr(self.optimizer, lr * config.optim.backbone_lr_factor)
            self.optimizer.step()
            self.head_optimizer.step(lr)
        self.optimizer.zero_grad(set_to_none=True)
        self.head_optimizer.clear()
        return norm, lr

    def autocast(self) -> AbstractContextManager[object]:
        """Compute in the precision that the config asks for."""
        precision = self._config.speed.precision
        if precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=_DTYPES[precision])

    def _not_yet_shared(self) -> AbstractContextManager[object]:
        """Keep a part's gradients on this rank until the last part is done."""
        if isinstance(self._network, DistributedDataParallel):
            return self._network.no_sync()
        return nullcontext()


def share_sizes(batch: int, world_size: int) -> list[int]:
    """Return how many faces of a global batch each rank gets; the first ranks get one more."""
    return [batch // world_size + (rank < batch % world_size) for rank in range(world_size)]


def part_sizes(share: int, parts: int) -> list[int]:
    """Return the sizes of a share's parts; the first parts get one more."""
    return share_sizes(share, parts)


def _is_of_compiler(error: RuntimeError) -> bool:
    """Say whether it is torch.compile's; its module is loaded only where it is used."""
    return any(kind.__module__.startswith("torch._dynamo") for kind in type(error).__mro__)
