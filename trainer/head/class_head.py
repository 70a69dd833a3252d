"""The head: the classes' weights, split over ranks, and the sum of losses on top of them.

One process holds all classes; of several, each holds a consecutive share (the paper's model
parallel strategy), which need not be equal. Loss and gradients are those of one process. With
``sample_rate`` below 1 (PartialFC: An et al. 2021) a step looks at the classes of its faces and at
a random part of the others, and only these rows learn.
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
from trainer.distributed.ranks import Ranks, gather_rows, shared_sum, summed_rows
from trainer.head.centres import inter_term, intra_term
from trainer.head.margins import angle_of, raised, target_logit
from trainer.head.split_softmax import Held, split_cross_entropy
from trainer.head.triplet import triplet_term
from vidsearch.errors import TrainingSetError

# Classes whose first weights are drawn together: the same numbers however classes are split.
_DRAWN_TOGETHER = 1024
_INITIAL_DEVIATION = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class HeadResult:
    """What the head says about one batch.

    Attributes:
        loss: Scalar, the mean over the global batch; the same on every rank.
        terms: Each summand of the loss, detached.
        target_angles_rad: (M,) theta_y of the faces whose class this rank holds, detached.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    target_angles_rad: Tensor


class ClassHead(nn.Module):
    """Class weights, or this rank's share of them, and the loss.

    Attributes:
        weight: (C, K, D) of the classes held here, K sub-centres each.
        bias: (C,) for plain softmax (eq. 1), else None.
        held: The classes held here.
        active_rows: (rows,) which rows those are; None for all.
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
        self.held = self.ranks.part(classes if loss.has_classes else 0)
        self.weight = nn.Parameter(_initial_rows(self.held, loss.sub_centres, embedding_size, seed))
        self.bias = nn.Parameter(torch.zeros(len(self.held))) if loss.kind == "softmax" else None
        self.active_rows: Tensor | None = None
        self._sampled: Tensor | None = None

    @property
    def active(self) -> Tensor:
        """(rows, K, D) what this step learns: ``weight`` itself, or a copy of sampled rows."""
        return self.weight if self._sampled is None else self._sampled

    @property
    def samples(self) -> bool:
        """Whether a step looks at a part of the classes only."""
        return self.config.sample_rate < 1

    def check_labels(self, labels: Tensor) -> None:
        """Refuse labels that are none of the classes.

        Args:
            labels: (B,) on the processor, where looking at them makes no GPU wait.

        Raises:
            TrainingSetError: A label is none of the classes.
        """
        wrong = labels[(labels < 0) | (labels >= self.classes)]
        if len(wrong):
            raise TrainingSetError(
                f"label {int(wrong[0])} is outside 0..{self.classes - 1}, the {self.classes} "
                "identities of the training set; make the set again with: vidsearch prepare"
            )

    def begin_step(self, labels: Tensor, step: int) -> None:
        """Choose the classes of a step; needed only where the head :attr:`samples`.

        Args:
            labels: (N,) of the whole global batch, every part of it that will be accumulated.
            step: Decides, with the seed, which negatives are drawn.
        """
        if not self.samples:
            return
        draws = torch.Generator(device=self.weight.device)
        draws.manual_seed(hash((self.seed, step, self.held.start)) & 0x7FFFFFFFFFFFFFFF)
        keys = torch.rand(len(self.held), generator=draws, device=self.weight.device)
        here = labels[(labels >= self.held.start) & (labels < self.held.stop)] - self.held.start
        keys[here] = 2.0
        positives = int((keys == 2.0).sum())
        count = max(positives, round(self.config.sample_rate * len(self.held)))
        self.active_rows = keys.topk(count).indices.sort().values
        self._sampled = self.weight.detach()[self.active_rows].requires_grad_()

    def forward(self, embeddings: Tensor, labels: Tensor, sizes: Sequence[int]) -> HeadResult:
        """Return the loss of a global batch from this rank's share of it.

        Args:
            embeddings: (B, D) raw.
            labels: (B,) classes over all ranks' weights.
            sizes: How many faces each rank gives.
        """
        faces = gather_rows(raised(embeddings), sizes, self.ranks)
        with torch.no_grad():
            every_label = gather_rows(labels, sizes, self.ranks)
        normal = functional.normalize(faces)
        terms: dict[str, Tensor] = {}
        angles = faces.new_zeros(0)
        if self.loss.has_classes:
            terms, angles = self._class_terms(faces, normal, every_label)
        if self.loss.triplet:
            start = sum(sizes[: self.ranks.rank])
            own = torch.arange(start, start + len(labels), device=labels.device)
            terms["triplet"] = self._triplet(normal, own, every_label)
        loss = torch.stack(list(terms.values())).sum()
        return HeadResult(loss, {name: value.detach() for name, value in terms.items()}, angles)

    def _class_terms(
        self, faces: Tensor, normal: Tensor, labels: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        held = self._held(labels)
        if self.loss.kind == "softmax":
            assert self.bias is not None
            weights = self.active[:, 0]
            logits = functional.linear(faces, weights, self.bias)
            targets = (faces[held.rows] * weights[held.columns]).sum(1) + self.bias[held.columns]
            entropy = split_cross_entropy(logits, targets, held, 1.0, self.ranks)
            centres = functional.normalize(self.active, dim=2)
            cosines = self._target_cosines(normal, centres, held)
        else:
            centres = functional.normalize(self.active, dim=2)
            products = normal @ centres.flatten(0, 1).t()
            others = products.view(len(normal), *centres.shape[:2]).amax(2)
            # The target is computed apart in float32: a bfloat16 cosine is wrong by 1/256, which
            # the scale of 64 would make a quarter.
            cosines = self._target_cosines(normal, centres, held)
            targets = self.loss.scale * target_logit(cosines, self.loss.margin)
            entropy = split_cross_entropy(others, targets, held, self.loss.scale, self.ranks)
        terms = {"softmax": entropy}
        if self.loss.intra:
            share = intra_term(cosines, len(faces))
            terms["intra"] = self.loss.intra * shared_sum(share, self.ranks)
        if self.loss.inter:
            terms["inter"] = self.loss.inter * self._inter(centres[:, 0], held, len(faces))
        with torch.no_grad():
            angles = angle_of(cosines)
        return terms, angles

    def _held(self, labels: Tensor) -> Held:
        local = labels - self.held.start
        if self.ranks.world_size == 1:  # all of them: counting would make a GPU wait
            rows = torch.arange(len(labels), device=labels.device)
        else:
            rows = ((local >= 0) & (local < len(self.held))).nonzero()[:, 0]
        columns = local[rows]
        if self.active_rows is not None:
            columns = torch.searchsorted(self.active_rows, columns)
        return Held(rows, columns)

    def _target_cosines(self, normal: Tensor, centres: Tensor, held: Held) -> Tensor:
        products = normal[held.rows][:, None] * centres[held.columns]
        return products.sum(2).amax(1)

    def _inter(self, centres: Tensor, held: Held, faces: int) -> Tensor:
        own = centres.new_zeros(faces, centres.shape[1])
        own = summed_rows(own.index_put((held.rows,), centres[held.columns]), self.ranks)
        columns = held.columns.new_full((faces,), -1)
        columns[held.rows] = held.columns
        with torch.autocast(centres.device.type, enabled=False):
            share = inter_term(own, centres, columns, self.classes)
        return shared_sum(share, self.ranks)

    def _triplet(self, normal: Tensor, own: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(normal.device.type, enabled=False):
            total, count = triplet_term(
                normal[own],
                own,
                normal,
                labels,
                margin_rad=self.loss.triplet_margin_rad,
                mining=self.loss.triplet_mining,
            )
        counted = self.ranks.total(torch.tensor(float(count), device=total.device))
        return self.loss.triplet * shared_sum(total, self.ranks) / counted.clamp(min=1)


def _initial_rows(held: range, sub_centres: int, embedding_size: int, seed: int) -> Tensor:
    """Draw first weights that depend on seed and class alone, not on who holds the class."""
    rows = torch.empty(len(held), sub_centres, embedding_size)

    def draw(block: int) -> None:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + block)
        drawn = torch.randn(_DRAWN_TOGETHER, sub_centres, embedding_size, generator=generator)
        first = block * _DRAWN_TOGETHER
        start, stop = max(held.start, first), min(held.stop, first + _DRAWN_TOGETHER)
        part = drawn[start - first : stop - first].mul_(_INITIAL_DEVIATION)
        rows[start - held.start : stop - held.start] = part

    blocks = range(held.start // _DRAWN_TOGETHER, -(-held.stop // _DRAWN_TOGETHER))
    # A draw uses one core, and ten million classes are ten thousand of them.
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        deque(threads.map(draw, blocks), maxlen=0)
    return rows
