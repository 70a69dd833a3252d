"""Steps of the ablation in Table 9 of ArcFace, and their retrieval figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vidsearch.datatypes import Matrix
from vidsearch.evaluation.ablation.data import LabelledSet
from vidsearch.evaluation.ablation.network import NetConfig, NetOutput, train_and_apply
from vidsearch.evaluation.metrics.retrieval import LIMIT, Rankings
from vidsearch.evaluation.report.ranked_retrieval import RetrievalFigures
from vidsearch.faces.template import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationOptions:
    """Steps of the ablation.

    Attributes:
        mlp: Train a network on the feature centres.
        ensemble: Sum the scores of several packs.
        context: Add whole-frame descriptors.
        net: Configuration of the network.
    """

    mlp: bool = True
    ensemble: bool = True
    context: bool = True
    net: NetConfig = field(default_factory=NetConfig)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One row of the table.

    Attributes:
        name: Name of the step, as in Table 9.
        ranking: Score by which clips are ranked.
        figures: Retrieval figures.
    """

    name: str
    ranking: str
    figures: RetrievalFigures


def measure_steps(data: LabelledSet, options: AblationOptions) -> list[Step]:
    """Return the figures of every step, in the order of Table 9.

    Steps that the set does not support are left out: an ensemble of one pack, or context without
    descriptors.

    Source:
        ArcFace, section 3.3 (iQIYI-VID) and Table 9.
    """
    steps: list[Step] = []
    cosines = [_centre_cosines(data, space) for space in data.spaces]
    is_ensemble = options.ensemble and len(data.spaces) > 1

    def add(name: str, ranking: str, scores: Matrix) -> None:
        steps.append(Step(name, ranking, _figures(data, scores)))

    add("feature centre", "cosine", cosines[0])
    nets: list[NetOutput] = []
    if options.mlp:
        spaces = data.spaces if is_ensemble else data.spaces[:1]
        targets = _targets(data)
        nets = [train_and_apply(space, targets, data.training, options.net) for space in spaces]
        add("+ MLP", "cosine of its descriptor", _centre_cosines(data, nets[0].descriptors))
        add("+ MLP", "class score", nets[0].scores.T)
    if is_ensemble:
        if not nets:
            add("+ ensemble", "cosine", _sum(cosines))
        else:
            descriptor_cosines = [_centre_cosines(data, net.descriptors) for net in nets]
            add("+ ensemble", "cosine of its descriptor", _sum(descriptor_cosines))
            add("+ ensemble", "class score", _sum([net.scores.T for net in nets]))
    if options.context and data.context is not None:
        parts = [net.descriptors for net in nets] if nets else list(data.spaces)
        fused = np.concatenate([*parts, normalise(data.context)], axis=1)
        context_net = train_and_apply(fused, _targets(data), data.training, options.net)
        add("+ context", "cosine of its descriptor", _centre_cosines(data, context_net.descriptors))
        face_scores = [net.scores.T for net in nets]
        add("+ context", "class score", _sum([*face_scores, context_net.scores.T]))
    return steps


def _targets(data: LabelledSet) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the (N,) class of each clip; 0 for clips of other identities."""
    number = {name: row for row, name in enumerate(data.classes)}
    return np.array([number.get(name, 0) for name in data.identities], np.int64)


def _centre_cosines(data: LabelledSet, space: Matrix) -> Matrix:
    """Return (classes, N) cosines of every clip with the centre of a class's training clips."""
    targets = _targets(data)
    centres = np.zeros((len(data.classes), space.shape[1]), np.float32)
    np.add.at(centres, targets[data.training], space[data.training])
    return np.asarray(normalise(centres) @ space.T, np.float32)


def _sum(scores: list[Matrix]) -> Matrix:
    return np.asarray(np.sum(scores, axis=0), np.float32)


def _figures(data: LabelledSet, scores: Matrix) -> RetrievalFigures:
    """Rank the test clips for every identity that has a test clip; ties by the order of clips."""
    tested = np.flatnonzero(~data.training)
    names = np.array([data.identities[row] for row in tested], object)
    flags, relevant, queries = [], [], []
    for number, identity in enumerate(data.classes):
        right = names == identity
        if not right.any():
            continue  # the identity has no ground-truth line
        order = np.argsort(-scores[number, tested], kind="stable")[:LIMIT]
        flags.append(right[order])
        relevant.append(int(right.sum()))
        queries.append(identity)
    return RetrievalFigures.of(Rankings.of(flags, relevant), queries, queries)
