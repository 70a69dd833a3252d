"""Synthetic labelled sets for the tests of the ablation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vidsearch.evaluation.ablation.data import LabelledSet
from vidsearch.faces.template import normalise


def synthetic_set(
    rng: np.random.Generator, *, spaces: int = 1, context: bool = False
) -> LabelledSet:
    """Return a set of twelve identities with nuisance dimensions in every space.

    Half of the dimensions are noise, larger than the differences between identities. It disturbs a
    cosine, while a network can learn to ignore it. The context alone identifies people.
    """
    people, clips, dim = 12, 14, 16
    identity = np.repeat(np.arange(people), clips)
    training = np.tile(np.arange(clips) < clips - 4, people)

    def space() -> Any:
        signal = rng.normal(size=(people, dim))[identity] + rng.normal(size=(len(identity), dim))
        nuisance = 3 * rng.normal(size=(len(identity), dim))
        return normalise(np.concatenate([signal, nuisance], axis=1).astype(np.float32))

    names = [f"p{n:02d}" for n in identity]
    context_rows = np.eye(people)[identity] + 0.1 * rng.normal(size=(len(identity), people))
    return LabelledSet(
        tuple(f"c{n}" for n in range(len(names))),
        tuple(names),
        training,
        tuple(space() for _ in range(spaces)),
        context_rows.astype(np.float32) if context else None,
    )


def write_parquet(path: Path, data: LabelledSet, space: int, **changes: Any) -> Path:
    columns: dict[str, Any] = {
        "clip": list(data.clips),
        "identity": list(data.identities),
        "split": ["train" if train else "test" for train in data.training],
        "embedding": data.spaces[space].tolist(),
    }
    pq.write_table(pa.table(columns | changes), path)
    return path
