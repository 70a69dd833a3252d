"""Classification head: class weights split over ranks, and the losses computed from them.

Each rank holds a consecutive share of the classes (model parallelism); shares may differ in size.
Loss and gradients equal those of one process that holds all classes. With ``sample_rate`` below 1,
a step uses the classes of its faces and a random part of the other classes. Only these rows learn
(An et al. 2021, "Partial FC").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.config.head import HeadConfig
from trainer.config.loss import LossConfig
from trainer.distributed.ranks import Ranks, all_gather_rows, all_reduce_loss, all_reduce_rows
from trainer.head.centres import inter_term, intra_term
from trainer.head.margins import angle_of, target_logit, upcast_half
from trainer.head.split_softmax import LocalTargets, split_cross_entropy
from trainer.head.triplet import triplet_term
from vidsearch.errors import TrainingSetError

# Initial weights are drawn in blocks of classes, so they do not depend on the split over ranks.
_BLOCK_CLASSES = 1024
_INITIAL_STD = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class HeadResult:
    """Loss of one batch.

    Attributes:
        loss: Scalar, the mean over the global batch; the same on every rank.
        terms: Terms of the loss by name, scalars, detached.
        target_angles_rad: (M,) angles theta_y of the faces whose class this rank holds, detached.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    target_angles_rad: Tensor


class ClassHead(nn.Module):
    """Class weights of this rank, and the loss.

    Args:
        classes: Number of classes over all ranks.
        embedding_size: D.
        loss: Loss configuration.
        config: Sampling of classes; None uses all of them.
        ranks: This process and the number of processes; None for one process.
        seed: Seed of the initial weights and of the sampling.

    Attributes:
        weight: (C, K, D) weights of the local classes, K sub-centres each.
        bias: (C,) bias of plain softmax (eq. 1), else None.
        local_classes: Classes of this rank.
        active_rows: (R,) rows of ``weight`` that the step uses; None for all.
    """

    def __init__(
        self,
        classes: int,
        embedding_size: int,
        loss: LossConfig,
        config: HeadConfig | None = None,
        *,
        ranks: Ranks | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.config = config if config is not None else HeadConfig()
        self.config.check(loss)
        self.loss, self.classes, self.seed = loss, classes, seed
        self.ranks = ranks if ranks is not None else Ranks()
        self.local_classes = self.ranks.part(classes if loss.has_classes else 0)
        self.weight = nn.Parameter(
            _initial_rows(self.local_classes, loss.sub_centres, embedding_size, seed)
        )
        self.bias = (
            nn.Parameter(torch.zeros(len(self.local_classes))) if loss.kind == "softmax" else None
        )
        self.active_rows: Tensor | None = None
        self._sampled: Tensor | None = None

    @property
    def active(self) -> Tensor:
        """(R, K, D) weights of this step: ``weight`` itself, or a copy of the sampled rows."""
        return self.weight if self._sampled is None else self._sampled

    @property
    def samples(self) -> bool:
        """True if a step uses a part of the classes only."""
        return self.config.sample_rate < 1

    def check_labels(self, labels: Tensor) -> None:
        """Check that every label is one of the classes.

        Args:
            labels: (B,) on the CPU: reading labels from a GPU would synchronise the GPU.

        Raises:
            TrainingSetError: A label is not one of the classes.
        """
        wrong = labels[(labels < 0) | (labels >= self.classes)]
        if len(wrong):
            raise TrainingSetError(
                f"label {int(wrong[0])} is outside 0..{self.classes - 1}, the {self.classes} "
                "identities of the training set; make the set again with: vidsearch prepare"
            )

    def begin_step(self, labels: Tensor, step: int) -> None:
        """Sample the classes of a step; do nothing if a step uses all classes.

        Args:
            labels: (N,) labels of the whole global batch, with all accumulated parts.
            step: Number of the update; with the seed it determines the sampled negatives.
        """
        if not self.samples:
            return
        draws = torch.Generator(device=self.weight.device)
        draws.manual_seed(hash((self.seed, step, self.local_classes.start)) & 0x7FFFFFFFFFFFFFFF)
        keys = torch.rand(len(self.local_classes), generator=draws, device=self.weight.device)
        positive_rows = (
            labels[(labels >= self.local_classes.start) & (labels < self.local_classes.stop)]
            - self.local_classes.start
        )
        keys[positive_rows] = 2.0
        positives = int((keys == 2.0).sum())
        count = max(positives, round(self.config.sample_rate * len(self.local_classes)))
        self.active_rows = keys.topk(count).indices.sort().values
        self._sampled = self.weight.detach()[self.active_rows].requires_grad_()

    def forward(self, embeddings: Tensor, labels: Tensor, sizes: Sequence[int]) -> HeadResult:
        """Return the loss of a global batch from this rank's share of it.

        Args:
            embeddings: (B, D) raw embeddings of this rank's faces.
            labels: (B,) their classes, numbered over all ranks.
            sizes: Number of faces of each rank.
        """
        faces = all_gather_rows(upcast_half(embeddings), sizes, self.ranks)
        with torch.no_grad():
            all_labels = all_gather_rows(labels, sizes, self.ranks)
        unit = functional.normalize(faces)
        terms: dict[str, Tensor] = {}
        angles = faces.new_zeros(0)
        if self.loss.has_classes:
            terms, angles = self._class_terms(faces, unit, all_labels)
        if self.loss.triplet:
            start = sum(sizes[: self.ranks.rank])
            own = torch.arange(start, start + len(labels), device=labels.device)
            terms["triplet"] = self._triplet(unit, own, all_labels)
        loss = torch.stack(list(terms.values())).sum()
        return HeadResult(loss, {name: value.detach() for name, value in terms.items()}, angles)

    def _class_terms(
        self, faces: Tensor, unit: Tensor, labels: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        local = self._local_targets(labels)
        if self.loss.kind == "softmax":
            assert self.bias is not None
            weights = self.active[:, 0]
            logits = functional.linear(faces, weights, self.bias)
            targets = (faces[local.rows] * weights[local.columns]).sum(1) + self.bias[local.columns]
            entropy = split_cross_entropy(logits, targets, local, 1.0, self.ranks)
            centres = functional.normalize(self.active, dim=2)
            cosines = self._target_cosines(unit, centres, local)
        else:
            centres = functional.normalize(self.active, dim=2)
            products = unit @ centres.flatten(0, 1).t()
            others = products.view(len(unit), *centres.shape[:2]).amax(2)
            # Target cosines are computed again in float32: a bfloat16 cosine is off by 1/256,
            # which the scale of 64 turns into a logit error of 1/4.
            cosines = self._target_cosines(unit, centres, local)
            targets = self.loss.scale * target_logit(cosines, self.loss.margin)
            entropy = split_cross_entropy(others, targets, local, self.loss.scale, self.ranks)
        terms = {"softmax": entropy}
        if self.loss.intra:
            share = intra_term(cosines, len(faces))
            terms["intra"] = self.loss.intra * all_reduce_loss(share, self.ranks)
        if self.loss.inter:
            terms["inter"] = self.loss.inter * self._inter(centres[:, 0], local, len(faces))
        with torch.no_grad():
            angles = angle_of(cosines)
        return terms, angles

    def _local_targets(self, labels: Tensor) -> LocalTargets:
        local = labels - self.local_classes.start
        if self.ranks.world_size == 1:  # all faces; nonzero() would synchronise the GPU
            rows = torch.arange(len(labels), device=labels.device)
        else:
            rows = ((local >= 0) & (local < len(self.local_classes))).nonzero()[:, 0]
        columns = local[rows]
        if self.active_rows is not None:
            columns = torch.searchsorted(self.active_rows, columns)
        return LocalTargets(rows, columns)

    def _target_cosines(self, unit: Tensor, centres: Tensor, local: LocalTargets) -> Tensor:
        products = unit[local.rows][:, None] * centres[local.columns]
        return products.sum(2).amax(1)

    def _inter(self, centres: Tensor, local: LocalTargets, faces: int) -> Tensor:
        own = centres.new_zeros(faces, centres.shape[1])
        own = all_reduce_rows(own.index_put((local.rows,), centres[local.columns]), self.ranks)
        columns = local.columns.new_full((faces,), -1)
        columns[local.rows] = local.columns
        with torch.autocast(centres.device.type, enabled=False):
            share = inter_term(own, centres, columns, self.classes)
        return all_reduce_loss(share, self.ranks)

    def _triplet(self, unit: Tensor, own: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(unit.device.type, enabled=False):
            total, count = triplet_term(
                unit[own],
                own,
                unit,
                labels,
                margin_rad=self.loss.triplet_margin_rad,
                mining=self.loss.triplet_mining,
            )
        counted = self.ranks.all_reduce_sum(torch.tensor(float(count), device=total.device))
        return self.loss.triplet * all_reduce_loss(total, self.ranks) / counted.clamp(min=1)


def _initial_rows(classes: range, sub_centres: int, embedding_size: int, seed: int) -> Tensor:
    """Draw initial weights that depend on seed and class alone, not on the split over ranks."""
    rows = torch.empty(len(classes), sub_centres, embedding_size)

    def draw(block: int) -> None:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + block)
        drawn = torch.randn(_BLOCK_CLASSES, sub_centres, embedding_size, generator=generator)
        first = block * _BLOCK_CLASSES
        start, stop = max(classes.start, first), min(classes.stop, first + _BLOCK_CLASSES)
        part = drawn[start - first : stop - first].mul_(_INITIAL_STD)
        rows[start - classes.start : stop - classes.start] = part

    blocks = range(classes.start // _BLOCK_CLASSES, -(-classes.stop // _BLOCK_CLASSES))
    # torch.randn uses one core, and ten million classes are ten thousand blocks.
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        deque(threads.map(draw, blocks), maxlen=0)
    return rows
