"""What was made of raw photos, kept in small files until the set is put together.

Each file holds one batch of photos and is written whole or not at all, so that a run that was
stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.datatypes import Vector
from vidsearch.storage.files import replaced_atomically


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One face that may go into a training set, or why a photo gives none.

    Attributes:
        identity: Whose face it is said to be.
        source: The photo, or the track and time.
        image: The aligned face as JPEG; empty where there is none.
        hash: ``duplicates.difference_hash`` of it.
        embedding: (D,) float32, unit length; empty where there is none.
        dropped: Why there is no face; empty if there is.
    """

    identity: str
    source: str
    image: bytes = field(default=b"", repr=False)
    hash: int = 0
    embedding: Vector = field(default_factory=lambda: np.zeros(0, np.float32))
    dropped: str = ""


def write_candidates(path: Path, candidates: Iterable[Candidate]) -> None:
    """Write one batch, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "identity": c.identity,
            "source": c.source,
            "image": c.image,
            "hash": c.hash,
            "embedding": c.embedding.astype(np.float16).tobytes(),
            "dropped": c.dropped,
        }
        for c in candidates
    ]
    with replaced_atomically(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, _schema()), temporary, compression="none")


def read_candidates(path: Path, *, images: bool) -> Iterator[Candidate]:
    """Yield the candidates of a batch; without their pictures unless asked for."""
    import pyarrow.parquet as pq

    names = [name for name in _schema().names if images or name != "image"]
    for row in pq.read_table(path, columns=names).to_pylist():
        yield Candidate(
            row["identity"],
            row["source"],
            row.get("image", b""),
            row["hash"],
            np.frombuffer(row["embedding"], np.float16).astype(np.float32),
            row["dropped"],
        )


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("identity", pa.string()),
            ("source", pa.string()),
            ("image", pa.binary()),
            ("hash", pa.uint64()),
            ("embedding", pa.binary()),
            ("dropped", pa.string()),
        ]
    )
