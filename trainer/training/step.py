"""One update of all weights from one global batch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainer.backbones.base import BATCH_NORM, Backbone
from trainer.config.train import TrainConfig
from trainer.data.base import Batch
from trainer.distributed.ranks import Ranks, all_gather_rows, split_evenly
from trainer.head.class_head import ClassHead, HeadResult
from trainer.training.optim import HeadOptimizer, build_optimizer, gradient_norm, lr_factor, set_lr
from trainer.training.out_of_memory import explain_out_of_memory
from trainer.training.scaler import LossScaler
from vidsearch.errors import TrainingError
from vidsearch.text.printable import first_line

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True, eq=False)
class StepResult:
    """Result of one update. Its values are tensors: reading them would synchronise the GPU.

    Attributes:
        loss: Scalar, the mean over the global batch.
        terms: Terms of the loss by name, scalars.
        gradient_norm: Scalar, the joint norm of all gradients before clipping.
        target_angles_rad: (M,) angles theta_y of the faces whose class this rank holds, radians.
        lr: Learning rate of the head.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    gradient_norm: Tensor
    target_angles_rad: Tensor
    lr: float


class TrainStep:
    """Backbone, head and their optimizers; :meth:`run` makes one update.

    Args:
        backbone: The network.
        head: Class weights of this rank.
        config: Configuration of the run.
        ranks: This process and the number of processes.
        device: Device of this rank.

    Attributes:
        backbone: The network, without the wrappers of torch.compile and DistributedDataParallel.
        head: Class weights of this rank.
        optimizer: Optimizer of the backbone.
        head_optimizer: Optimizer of the head.
        scaler: Loss scaling for float16; inactive in other precisions.
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
            # All batches have one shape: cuDNN times its algorithms once and keeps the fastest.
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
        self._network = self._wrapped_backbone()

    def _wrapped_backbone(self) -> nn.Module:
        network: nn.Module = self.backbone
        if self._config.speed.compile:
            network = torch.compile(network)  # type: ignore[assignment]
        if self._ranks.world_size > 1:
            gpus = [self._device.index] if self._device.type == "cuda" else None
            # Each rank keeps its own batch statistics until average_statistics().
            network = DistributedDataParallel(network, device_ids=gpus, broadcast_buffers=False)
        return network

    @torch.no_grad()
    def average_statistics(self) -> None:
        """Replace the batch statistics of all ranks by their mean.

        Call this before the network is validated or saved. Frozen stages keep their statistics.
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
        mean = self._ranks.all_reduce_sum(joined) / self._ranks.world_size
        for buffer in buffers:
            part, mean = mean[: buffer.numel()], mean[buffer.numel() :]
            buffer.copy_(part.view_as(buffer))

    @torch.no_grad()
    def is_finite(self) -> bool:
        """Return True if all weights of all ranks are finite."""
        tensors = [*self.backbone.parameters(), *self.backbone.buffers(), *self.head.parameters()]
        not_finite = torch.stack([(~torch.isfinite(tensor)).any() for tensor in tensors]).any()
        return not bool(self._ranks.all_reduce_max(not_finite.float()))

    def run(self, batch: Batch, step: int) -> StepResult:
        """Make one update from this rank's share of a global batch.

        Args:
            batch: The share.
            step: Number of the update, from 0.

        Raises:
            DeviceMemoryError: The batch does not fit into memory; the message names settings.
            TrainingSetError: A label is not one of the classes.
            TrainingError: torch.compile is configured and fails.
        """
        config = self._config
        with explain_out_of_memory(
            f"{self._device} at step {step} with batch {config.batch} over "
            f"{self._ranks.world_size} processes in {config.speed.accumulation} parts",
            "raise speed.accumulation, or set backbone.recompute_activations=true, "
            "speed.precision=bfloat16, or lower head.sample_rate or batch",
        ):
            try:
                return self._run(batch, step)
            except RuntimeError as error:
                if not (config.speed.compile and _is_compile_error(error)):
                    raise
                raise TrainingError(
                    f"torch.compile cannot build the network here ({first_line(error)}); install "
                    "a C++ compiler (g++), or set speed.compile=false"
                ) from error

    def _run(self, batch: Batch, step: int) -> StepResult:
        config, ranks = self._config, self._ranks
        self.head.check_labels(batch.labels)
        faces = batch.faces.to(self._device, non_blocking=True)
        labels = batch.labels.to(self._device, non_blocking=True)
        shares = split_evenly(config.batch, ranks.world_size)
        if self.head.samples:
            self.head.begin_step(all_gather_rows(labels, shares, ranks), step)
        parts = [split_evenly(size, config.speed.accumulation) for size in shares]
        results: list[tuple[HeadResult, float]] = []
        start = 0
        for part in range(config.speed.accumulation):
            sizes = [of_rank[part] for of_rank in parts]
            rows = slice(start, start + sizes[ranks.rank])
            start = rows.stop
            weight = sum(sizes) / config.batch
            last = part == config.speed.accumulation - 1
            with nullcontext() if last else self._local_gradients():
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
        self.scaler.unscale(shared + split)
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
        """Return the autocast context of the configured precision."""
        precision = self._config.speed.precision
        if precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=_DTYPES[precision])

    def _local_gradients(self) -> AbstractContextManager[object]:
        """Skip the all-reduce of a part's gradients; the last part reduces the sum of all parts."""
        if isinstance(self._network, DistributedDataParallel):
            return self._network.no_sync()
        return nullcontext()


def _is_compile_error(error: RuntimeError) -> bool:
    # By module name: importing torch._dynamo takes seconds, and compilation is seldom configured.
    return any(kind.__module__.startswith("torch._dynamo") for kind in type(error).__mro__)
