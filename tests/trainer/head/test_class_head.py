"""Every loss of Table 2 against NumPy, and the head split over processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import distributed as dist
from torch.multiprocessing.spawn import spawn

from trainer.config.head import HeadConfig
from trainer.config.loss import NAMED_LOSSES, LossConfig, Margin, named_loss
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from vidsearch.errors import ConfigError, TrainingSetError

Floats = NDArray[np.float64]
CLASSES, SIZE, FACES = 7, 5, 11
LABELS = np.array([0, 3, 3, 6, 1, 0, 5, 3, 6, 1, 0])


def numbers() -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(CLASSES, SIZE))
    # Faces near their class weight, so some angles are small, as after training.
    faces = weights[LABELS] * 2 + rng.normal(size=(FACES, SIZE))
    return faces, weights, rng.normal(size=CLASSES)


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def margin_in_numpy(theta: Floats, margin: Margin) -> Floats:
    f, m = margin.angle_factor, margin.angle_margin_rad
    value = np.where(
        f * theta + m > np.pi,
        np.cos(theta) - np.cos((np.pi - m) / f) - 1,
        np.cos(f * theta + m),
    )
    return np.asarray(value - margin.cosine_margin)


def loss_in_numpy(faces: Floats, weights: Floats, bias: Floats, loss: LossConfig) -> float:
    """Return the loss by the equations, face by face and class by class, without trainer code."""
    x, w = unit(faces), unit(weights)
    n, count = len(faces), len(weights)
    total = 0.0
    for i, y in enumerate(LABELS):
        theta = np.arccos(np.clip(w @ x[i], -1, 1))
        if loss.kind == "softmax":
            logits = weights @ faces[i] + bias
            total -= (logits[y] - np.log(np.exp(logits).sum())) / n
        elif loss.kind == "margin":
            logits = loss.scale * np.cos(theta)
            logits[y] = loss.scale * margin_in_numpy(theta[y], loss.margin)
            top = logits.max()
            total -= (logits[y] - top - np.log(np.exp(logits - top).sum())) / n
        total += loss.intra * theta[y] / (np.pi * n)
        between = np.arccos(np.clip(w @ w[y], -1, 1))
        others = [between[j] for j in range(count) if j != y]
        total -= loss.inter * sum(others) / (np.pi * n * (count - 1))
    return total + loss.triplet * triplets_in_numpy(x, loss)


def triplets_in_numpy(x: Floats, loss: LossConfig) -> float:
    angles = np.arccos(np.clip(x @ x.T, -1, 1))
    hinges = []
    for a in range(len(x)):
        positives = [p for p in range(len(x)) if LABELS[p] == LABELS[a] and p != a]
        negatives = [n for n in range(len(x)) if LABELS[n] != LABELS[a]]
        if not positives or not negatives:
            continue
        if loss.triplet_mining == "hard":
            far = max(angles[a, p] for p in positives)
            near = min(angles[a, n] for n in negatives)
            hinges.append(max(0.0, far + loss.triplet_margin_rad - near))
            continue
        for p in positives:
            farther = [angles[a, n] for n in negatives if angles[a, n] > angles[a, p]]
            near = min(farther) if farther else max(angles[a, n] for n in negatives)
            hinges.append(max(0.0, angles[a, p] + loss.triplet_margin_rad - near))
    return float(np.mean(hinges))


def differences(function: Any, point: Floats, step: float = 1e-5) -> Floats:
    """Return the gradient of a function by central differences."""
    slope = np.zeros_like(point)
    for index in np.ndindex(*point.shape):
        up, down = point.copy(), point.copy()
        up[index] += step
        down[index] -= step
        slope[index] = (function(up) - function(down)) / (2 * step)
    return slope


def one_process(
    loss: LossConfig, dtype: torch.dtype = torch.float64
) -> tuple[float, Floats, Floats]:
    """Return loss and gradients with respect to faces and class weights, from the trainer."""
    faces, weights, bias = numbers()
    head = ClassHead(CLASSES, SIZE, loss).to(dtype)
    with torch.no_grad():
        if loss.has_classes:
            head.weight.copy_(torch.from_numpy(weights)[:, None])
        if head.bias is not None:
            head.bias.copy_(torch.from_numpy(bias))
    embeddings = torch.tensor(faces, dtype=dtype, requires_grad=True)
    labels = torch.from_numpy(LABELS)
    result = head(embeddings, labels, [FACES])
    result.loss.backward()
    assert embeddings.grad is not None
    of_weights = np.zeros((CLASSES, SIZE))
    if head.weight.grad is not None and loss.has_classes:
        of_weights = head.weight.grad[:, 0].double().numpy()
    return float(result.loss.detach()), embeddings.grad.double().numpy(), of_weights


LOSSES = {
    **NAMED_LOSSES,
    "triplet semi-hard": replace(named_loss("triplet"), triplet_mining="semi-hard"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradients_match_the_equations(name: str) -> None:
    loss = LOSSES[name]
    faces, weights, bias = numbers()
    expected = loss_in_numpy(faces, weights, bias, loss)
    expected_of_faces = differences(lambda x: loss_in_numpy(x, weights, bias, loss), faces)
    expected_of_weights = differences(lambda w: loss_in_numpy(faces, w, bias, loss), weights)
    for dtype, relative, absolute in ((torch.float64, 1e-5, 1e-7), (torch.float32, 2e-3, 2e-4)):
        value, of_faces, of_weights = one_process(loss, dtype)
        assert value == pytest.approx(expected, rel=relative / 20, abs=absolute / 20)
        np.testing.assert_allclose(of_faces, expected_of_faces, rtol=relative, atol=absolute)
        np.testing.assert_allclose(of_weights, expected_of_weights, rtol=relative, atol=absolute)


@pytest.mark.parametrize("name", [*LOSSES, "sub-centres"])
def test_gradcheck_of_the_whole_head(name: str) -> None:
    loss = loss_called(name)
    faces, _, _ = numbers()
    head = ClassHead(CLASSES, SIZE, loss, seed=9).double()
    labels = torch.from_numpy(LABELS)
    names, parameters = zip(*head.named_parameters(), strict=True)

    def value(embeddings: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        given = (embeddings, labels, [FACES])
        result = torch.func.functional_call(head, dict(zip(names, weights, strict=True)), given)
        loss_: torch.Tensor = result.loss
        return loss_

    # Unit weights: the initial ones are so short that a finite difference is a large angle.
    weights = [
        torch.nn.functional.normalize(parameter.detach(), dim=-1).requires_grad_()
        for parameter in parameters
        if parameter.numel()
    ]
    names = names[: len(weights)]
    embeddings = torch.tensor(faces, requires_grad=True)
    assert torch.autograd.gradcheck(value, (embeddings, *weights), atol=1e-5)


def test_the_named_losses_are_the_rows_of_table_2() -> None:
    table = {
        "arcface-0.4": (1, 0.4, 0),
        "arcface-0.45": (1, 0.45, 0),
        "arcface": (1, 0.5, 0),
        "arcface-0.55": (1, 0.55, 0),
        "sphereface": (1.35, 0, 0),
        "cosface": (1, 0, 0.35),
        "cm1": (1, 0.3, 0.2),
        "cm2": (0.9, 0.4, 0.15),
        "norm-softmax": (1, 0, 0),
    }
    for name, (m1, m2, m3) in table.items():
        margin = named_loss(name).margin
        assert (margin.angle_factor, margin.angle_margin_rad, margin.cosine_margin) == (m1, m2, m3)
        assert named_loss(name).scale == 64
    assert named_loss("triplet").triplet_margin_rad == 0.35


def test_a_mislabelled_face_takes_the_nearest_sub_centre() -> None:
    head = ClassHead(2, 2, LossConfig(sub_centres=2, margin=Margin(), scale=1.0))
    with torch.no_grad():
        # Class 0 at 0 and 90 degrees, class 1 at 180 and 270.
        head.weight.copy_(torch.tensor([[[1.0, 0], [0, 1]], [[-1.0, 0], [0, -1]]]))
    labels = torch.tensor([0, 0])
    result = head(torch.tensor([[2.0, 0.0], [0.0, 3.0]]), labels, [2])
    assert result.target_angles_rad.tolist() == pytest.approx([0, 0], abs=2e-3)
    # The nearest sub-centre of the other class is at 90 degrees: -log(e / (e + 1)) = 0.3133
    assert float(result.loss.detach()) == pytest.approx(0.3133, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["arcface", "cm2", "arcface+intra+inter", "arcface+triplet"])
def test_half_precision_is_close_to_the_exact_loss(name: str, dtype: torch.dtype) -> None:
    exact, _, _ = one_process(LOSSES[name])
    with torch.autocast("cpu", dtype=dtype):
        rounded, of_faces, of_weights = one_process(LOSSES[name], torch.float32)
    assert rounded == pytest.approx(exact, rel=0.03)
    assert np.isfinite(of_faces).all()
    assert np.isfinite(of_weights).all()


@pytest.mark.parametrize("name", NAMED_LOSSES)
def test_faces_equal_to_a_class_weight_give_finite_losses(name: str) -> None:
    head = ClassHead(3, 4, NAMED_LOSSES[name])
    centres = torch.eye(3, 4)
    if NAMED_LOSSES[name].has_classes:
        with torch.no_grad():
            head.weight.copy_(centres[:, None])
    embeddings = torch.cat([centres, -centres, centres]).requires_grad_()
    labels = torch.tensor([0, 1, 2] * 3)
    result = head(embeddings, labels, [9])
    result.loss.backward()
    assert torch.isfinite(result.loss)
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_sampling_includes_every_positive_and_equals_a_smaller_head() -> None:
    loss = named_loss("arcface")
    head = ClassHead(100, 8, loss, HeadConfig(sample_rate=0.1), seed=5)
    labels = torch.tensor([3, 50, 50, 99])
    head.begin_step(labels, 7)
    assert head.active_rows is not None
    chosen = head.active_rows.tolist()
    assert len(chosen) == 10
    assert {3, 50, 99} <= set(chosen)
    head.begin_step(labels, 7)
    assert head.active_rows.tolist() == chosen
    head.begin_step(labels, 8)
    assert head.active_rows.tolist() != chosen
    # The loss equals that of a head with these ten classes alone.
    embeddings = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    result = head(embeddings, labels, [4])
    rows = head.active_rows
    alone = ClassHead(10, 8, loss)
    with torch.no_grad():
        alone.weight.copy_(head.weight[rows])
    renumbered = torch.searchsorted(rows, labels)
    torch.testing.assert_close(result.loss, alone(embeddings, renumbered, [4]).loss)


def test_sampling_all_classes_gives_the_complete_loss() -> None:
    whole = ClassHead(30, 8, named_loss("arcface"), seed=1)
    sampled = ClassHead(30, 8, named_loss("arcface"), HeadConfig(sample_rate=0.9999), seed=1)
    embeddings, labels = torch.randn(6, 8), torch.arange(6)
    for head in (whole, sampled):
        head.begin_step(labels, 0)
    assert sampled.active_rows is not None
    torch.testing.assert_close(
        whole(embeddings, labels, [6]).loss, sampled(embeddings, labels, [6]).loss
    )


@pytest.mark.parametrize("name", ["arcface+inter", "softmax", "triplet"])
def test_losses_that_need_all_classes_refuse_sampling(name: str) -> None:
    with pytest.raises(ConfigError, match=r"needs all of them; set head.sample_rate=1"):
        ClassHead(10, 4, named_loss(name), HeadConfig(sample_rate=0.5))


def test_labels_out_of_range_are_named() -> None:
    head = ClassHead(10, 4, named_loss("arcface"))
    with pytest.raises(TrainingSetError, match=r"label 10 is outside 0\.\.9"):
        head.check_labels(torch.tensor([1, 10]))
    with pytest.raises(TrainingSetError, match=r"label -1 is outside 0\.\.9"):
        head.check_labels(torch.tensor([1, -1]))


def test_initial_weights_do_not_depend_on_the_split() -> None:
    loss = named_loss("arcface")
    whole = ClassHead(2500, 3, loss, seed=4).weight
    heads = [ClassHead(2500, 3, loss, ranks=Ranks(r, 3), seed=4) for r in range(3)]
    parts = [head.weight.detach() for head in heads]
    assert [len(part) for part in parts] == [833, 833, 834]
    torch.testing.assert_close(torch.cat(parts), whole.detach(), rtol=0, atol=0)


SPLIT = [*NAMED_LOSSES, "triplet semi-hard", "sub-centres"]
FEW_CLASSES, MANY_CLASSES = 2, 21


def loss_called(name: str) -> LossConfig:
    return LossConfig(sub_centres=2) if name == "sub-centres" else LOSSES[name]


def run_split(rank: int, world: int, folder: str) -> None:
    """Run one process with its share of faces and classes; write the results to a file."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=world)
    results = {}
    for name in SPLIT:
        results[name] = split_result(loss_called(name), Ranks(rank, world))
    for name in ("arcface+intra+inter", "softmax"):
        few = split_result(loss_called(name), Ranks(rank, world), classes=FEW_CLASSES)
        results[f"{name}, few classes"] = few
    results["sampled"] = split_result(
        loss_called("arcface"), Ranks(rank, world), classes=MANY_CLASSES, sample_rate=0.5
    )
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def split_result(
    loss: LossConfig, ranks: Ranks, classes: int = CLASSES, sample_rate: float = 1.0
) -> dict[str, torch.Tensor]:
    faces, _, _ = numbers()
    config = HeadConfig(sample_rate=sample_rate)
    head = ClassHead(classes, SIZE, loss, config, ranks=ranks, seed=9).double()
    labels = torch.from_numpy(LABELS % classes)
    head.begin_step(labels, 0)
    # The shares of the faces are uneven too: 11 over 2 or 3 processes.
    sizes = [len(ranks.part(FACES, r)) for r in range(ranks.world_size)]
    share = ranks.part(FACES)
    own = torch.tensor(faces)[share.start : share.stop].requires_grad_()
    result = head(own, labels[share.start : share.stop], sizes)
    result.loss.backward()
    assert own.grad is not None
    zero = torch.zeros_like(head.weight)
    rows = torch.arange(len(head.local_classes)) if head.active_rows is None else head.active_rows
    return {
        "rows": rows + head.local_classes.start,
        "active": head.active.detach(),
        "loss": result.loss.detach(),
        # Undo the factor that DistributedDataParallel's average would cancel.
        "faces": own.grad / ranks.world_size,
        "weight": head.weight.grad if head.weight.grad is not None else zero,
    }


@pytest.mark.parametrize("world", [2, 3])
def test_the_split_loss_equals_that_of_one_process(world: int, tmp_path: Path) -> None:
    spawn(run_split, (world, str(tmp_path)), world)  # type: ignore[no-untyped-call]
    parts = [torch.load(tmp_path / f"{r}.pt", weights_only=True) for r in range(world)]
    for name in [*SPLIT, "arcface+intra+inter, few classes", "softmax, few classes"]:
        loss, _, few = name.partition(", few")
        classes = FEW_CLASSES if few else CLASSES
        whole = split_result(loss_called(loss), Ranks(), classes=classes)
        for part in parts:
            torch.testing.assert_close(part[name]["loss"], whole["loss"], rtol=1e-12, atol=1e-12)
        for key in ("faces", "weight"):
            together = torch.cat([part[name][key] for part in parts])
            torch.testing.assert_close(together, whole[key], rtol=1e-9, atol=1e-9)
    check_sampled([part["sampled"] for part in parts])


def check_sampled(parts: list[dict[str, torch.Tensor]]) -> None:
    """Compare the sampled loss of several processes with one process that holds their samples."""
    rows = torch.cat([part["rows"] for part in parts])
    assert set(LABELS.tolist()) < set(rows.tolist())
    assert len(rows) < MANY_CLASSES
    alone = ClassHead(len(rows), SIZE, loss_called("arcface")).double()
    with torch.no_grad():
        alone.weight.copy_(torch.cat([part["active"] for part in parts]))
    embeddings = torch.tensor(numbers()[0], requires_grad=True)
    result = alone(embeddings, torch.searchsorted(rows, torch.from_numpy(LABELS)), [FACES])
    result.loss.backward()
    for part in parts:
        torch.testing.assert_close(part["loss"], result.loss.detach(), rtol=1e-12, atol=1e-12)
    together = torch.cat([part["faces"] for part in parts])
    torch.testing.assert_close(together, embeddings.grad, rtol=1e-9, atol=1e-9)
