"""The steps of the paper's Table 9, each a row: what it brings on a labelled set."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError
from vidsearch.evaluation.ablation.data import LabelledSet
from vidsearch.evaluation.ablation.network import NetConfig, NetOutput, train_and_apply
from vidsearch.evaluation.metrics.bootstrap import Interval
from vidsearch.evaluation.metrics.retrieval import LIMIT, Rankings
from vidsearch.evaluation.report import (
    Headline,
    Measure,
    Provenance,
    Report,
    ReportTable,
    Scores,
    Section,
)
from vidsearch.evaluation.report.ranked_retrieval import SOURCES, RetrievalFigures
from vidsearch.faces.template import normalise

LADDER = (
    "Ladder: ArcFace, Table 9; an identity is a query, known by its training clips",
    "Ranked are all clips of the test part, other people's included",
    "Ensemble: cosines, or class scores, summed over packs",
    "Context: a network over the packs' descriptors and the whole-frame descriptor",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderOptions:
    """Which steps are climbed."""

    mlp: bool = True
    ensemble: bool = True
    context: bool = True
    net: NetConfig = field(default_factory=NetConfig)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One row: its name, how it ranks, and its figures."""

    name: str
    ranking: str
    figures: RetrievalFigures


def climb(data: LabelledSet, options: LadderOptions) -> list[Step]:
    """Return the ladder's rows, in the paper's order.

    A step that the set cannot take (an ensemble of one pack, context without descriptors) is not
    climbed; asking for less is what the switches are for.
    """
    steps: list[Step] = []
    cosines = [_by_cosine(data, space) for space in data.spaces]
    several = options.ensemble and len(data.spaces) > 1

    def add(name: str, ranking: str, scores: Matrix) -> None:
        steps.append(Step(name, ranking, _judge(data, scores)))

    add("feature centre", "cosine", cosines[0])
    nets: list[NetOutput] = []
    if options.mlp:
        used = data.spaces if several else data.spaces[:1]
        targets = _targets(data)
        nets = [train_and_apply(one, targets, data.training, options.net) for one in used]
        add("+ MLP", "cosine of its descriptor", _by_cosine(data, nets[0].descriptors))
        add("+ MLP", "class score", nets[0].scores.T)
    if several:
        if not nets:
            add("+ ensemble", "cosine", _sum(cosines))
        else:
            own = [_by_cosine(data, net.descriptors) for net in nets]
            add("+ ensemble", "cosine of its descriptor", _sum(own))
            add("+ ensemble", "class score", _sum([net.scores.T for net in nets]))
    if options.context and data.context is not None:
        parts = [net.descriptors for net in nets] if nets else list(data.spaces)
        fused = np.concatenate([*parts, normalise(data.context)], axis=1)
        net = train_and_apply(fused, _targets(data), data.training, options.net)
        add("+ context", "cosine of its descriptor", _by_cosine(data, net.descriptors))
        faces = [one.scores.T for one in nets]
        add("+ context", "class score", _sum([*faces, net.scores.T]))
    return steps


def _targets(data: LabelledSet) -> np.ndarray[Any, np.dtype[np.int64]]:
    number = {name: at for at, name in enumerate(data.classes)}
    return np.array([number.get(name, 0) for name in data.identities], np.int64)


def _by_cosine(data: LabelledSet, space: Matrix) -> Matrix:
    """Return (classes, N): cosine of every clip with the centre of an identity's training clips."""
    targets = _targets(data)
    centres = np.zeros((len(data.classes), space.shape[1]), np.float32)
    np.add.at(centres, targets[data.training], space[data.training])
    return np.asarray(normalise(centres) @ space.T, np.float32)


def _sum(scores: list[Matrix]) -> Matrix:
    return np.asarray(np.sum(scores, axis=0), np.float32)


def _judge(data: LabelledSet, scores: Matrix) -> RetrievalFigures:
    """Rank the test clips for every identity that has one; ties by the clip's place."""
    tested = np.flatnonzero(~data.training)
    names = np.array([data.identities[row] for row in tested], object)
    flags, relevant, queries = [], [], []
    for number, identity in enumerate(data.classes):
        right = names == identity
        if not right.any():
            continue  # no ground-truth line
        order = np.argsort(-scores[number, tested], kind="stable")[:LIMIT]
        flags.append(right[order])
        relevant.append(int(right.sum()))
        queries.append(identity)
    return RetrievalFigures.of(Rankings.of(flags, relevant), queries, queries)


def ladder_report(
    data: LabelledSet, options: LadderOptions, configuration: Mapping[str, Any]
) -> Report:
    """Climb the ladder and return the report."""
    started = time.perf_counter()
    if options.mlp and data.training.sum() < 2 * len(data.classes):
        raise ConfigError(
            f"the MLP needs about two training clips an identity; got {int(data.training.sum())} "
            f"of {len(data.classes)} identities; pass --no-mlp"
        )
    steps = climb(data, options)
    rows = []
    for step in steps:
        line = step.figures.intervals
        rows.append(
            (step.name, step.ranking, line["iqiyi"].mean, line["iqiyi"].low, line["iqiyi"].high,
             line["truncated"].mean, line["mediaeval"].mean)
        )  # fmt: skip
    table = ReportTable(
        "ladder",
        "MAP@100 of each step (iQIYI official with its interval, and the two other conventions)",
        ("step", "ranked by", "MAP@100", "from", "to", "truncated", "MediaEval"),
        tuple(rows),
    )
    tested = int((~data.training).sum())
    strangers = sum(not name for name in data.identities)
    columns: dict[str, Any] = {"id": list(steps[0].figures.queries)}
    columns["identity"] = columns["id"]
    names = [f"{step.name}, {step.ranking}" for step in steps]
    for at, step in enumerate(steps):
        columns[f"ap_{at}"] = step.figures.per_query["iqiyi"]
    return Report(
        kind="ladder",
        title="The ladder of Table 9",
        lead=f"{int(data.training.sum()):,} training clips of {len(data.classes):,} identities; "
        f"{tested:,} clips ranked, {strangers:,} of them of other people. "
        f"{data.left_out:,} photos without a face were left out. "
        "A closed-set task: identities are known by training clips, not by one photo.",
        conventions=(*SOURCES, *LADDER),
        headlines=tuple(
            _headline(name, step.figures.intervals["iqiyi"])
            for name, step in zip(names, steps, strict=True)
        ),
        metrics={name: step.figures.metrics() for name, step in zip(names, steps, strict=True)},
        provenance=Provenance(
            configuration=configuration,
            data={"identities, parts and descriptors": _sha256(data)},
            elapsed_s=time.perf_counter() - started,
        ),
        sections=(Section("What each step brings", "", (table,)),),
        scores=Scores(
            "identity", columns,
            tuple(Measure(name, column=f"ap_{at}") for at, name in enumerate(names)),
            ("identity",),
        ),
    )  # fmt: skip


def _headline(name: str, line: Interval) -> Headline:
    note = f"95 % interval {line.low:.4f} to {line.high:.4f}"
    return Headline(name, f"{line.mean:.4f}", note, (line.mean, line.low, line.high))


def _sha256(data: LabelledSet) -> str:
    """Return a hash of all that the ladder is computed from."""
    digest = hashlib.sha256("\n".join(data.identities).encode())
    for part in (data.training, *data.spaces, *(() if data.context is None else (data.context,))):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
