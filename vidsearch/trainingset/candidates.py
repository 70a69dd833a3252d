"""Candidate faces for a training set, stored in batches until the set is assembled.

Each file holds one batch of photos and appears complete or not at all, so a stopped run can be
resumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.datatypes import Vector
from vidsearch.storage.files import arrow_file, replaced_atomically
from vidsearch.text.names import portable_name
from vidsearch.text.printable import valid_unicode


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Face of one photo, or the reason why the photo has no usable face.

    Attributes:
        identity: Labelled identity.
        source: Photo, or track and time.
        image: Aligned face as JPEG; empty without a face.
        hash: ``duplicates.difference_hash`` of the aligned face; 0 without a face.
        embedding: (D,) float32 of unit length; empty without a face.
        dropped: Reason why there is no face; empty with a face.
        failed: True if the photo cannot be read, or too little of it.
        warnings: Sentences about a photo that is used, such as a damaged one.
    """

    identity: str
    source: str
    image: bytes = field(default=b"", repr=False)
    hash: int = 0
    embedding: Vector = field(default_factory=lambda: np.zeros(0, np.float32))
    dropped: str = ""
    failed: bool = False
    warnings: tuple[str, ...] = ()


def write_candidates(path: Path, candidates: Iterable[Candidate]) -> None:
    """Write one batch, with portable names; the file appears complete or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "identity": valid_unicode(c.identity),
            "source": portable_name(c.source),
            "image": c.image,
            "hash": c.hash,
            "embedding": c.embedding.astype(np.float16).tobytes(),
            "dropped": valid_unicode(c.dropped),
            "failed": c.failed,
            "warnings": [valid_unicode(warning) for warning in c.warnings],
        }
        for c in candidates
    ]
    with replaced_atomically(path) as temporary, arrow_file(temporary, "wb") as file:
        pq.write_table(pa.Table.from_pylist(rows, _schema()), file, compression="none")


def read_candidates(path: Path, *, images: bool) -> Iterator[Candidate]:
    """Yield the candidates of a batch; with ``images=False`` without their JPEG images."""
    import pyarrow.parquet as pq

    names = [name for name in _schema().names if images or name != "image"]
    with arrow_file(path) as file:
        rows = pq.read_table(file, columns=names).to_pylist()
    for row in rows:
        yield Candidate(
            row["identity"],
            row["source"],
            row.get("image", b""),
            row["hash"],
            np.frombuffer(row["embedding"], np.float16).astype(np.float32),
            row["dropped"],
            row["failed"],
            tuple(row["warnings"]),
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
            ("failed", pa.bool_()),
            ("warnings", pa.list_(pa.string())),
        ]
    )
