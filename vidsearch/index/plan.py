"""Choice of the kind of index by the number of vectors. ``vidsearch status`` shows the kind.

| float32 vectors take | kind | a search |
|---|---|---|
| up to 512 MiB (1 M of 128 numbers, 262 k of 512) | ``faiss-flat`` | compares all, exactly |
| up to 1 GiB | ``flat-sq8`` | compares all as bytes, the best of them exactly |
| up to 64 GiB (33 M of 512) | ``flat-pq`` | compares all as short codes, the best of them exactly |
| more | ``ivf-pq`` | compares short codes in the nearest cells, the best of them exactly |

``ivf-sq8`` (nearest cells, one byte per number) is used only on request. It was slower than
``flat-pq`` at every recall (docs/results/index-kinds.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from vidsearch.errors import ConfigError
from vidsearch.index.ivf import Probes

Kind = Literal["faiss-flat", "flat-sq8", "flat-pq", "ivf-sq8", "ivf-pq"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_FLAT_BYTES = 512 << 20
_FLAT_SQ8_BYTES = 1 << 30
_FLAT_PQ_BYTES = 64 << 30
_PQ_CENTRES = 256  # centres of each part of a vector, numbered by one byte
_LEARNED: dict[Kind, Kind] = {"flat-pq": "flat-sq8", "ivf-pq": "ivf-sq8"}
_SAMPLES_PER_CELL = 40  # FAISS recommends 39 or more for k-means


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Parameters of building and searching an index.

    Attributes:
        kind: Kind of index.
        cells: Number of cells of an inverted file; 0 for the flat kinds.
        sample: Number of vectors to train on.
        code_bytes: Bytes per product-quantised code; 0 for the other kinds.
    """

    kind: Kind
    cells: int = 0
    sample: int = 0
    code_bytes: int = 0

    @property
    def probes(self) -> Probes:
        """Numbers of cells and candidates of a search."""
        return Probes(deeper=4) if self.kind == "ivf-pq" else Probes()

    def as_parameters(self) -> dict[str, Any]:
        """Return the parameters that a generation's ``meta.json`` records."""
        return {"cells": self.cells, "code_bytes": self.code_bytes}


def choose(count: int, dim: int, kind: Kind | None = None) -> Plan:
    """Return the plan for (count, dim) float32 vectors.

    Args:
        count: Number of vectors.
        dim: Length of the vectors.
        kind: Kind to use for any number of vectors; None: choose by size. Without vectors the kind
            is always ``faiss-flat``. Product codes need 256 vectors to train on; with fewer, bytes
            are used.

    Raises:
        ConfigError: ``kind`` is not one of ``KINDS``.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"index kind must be one of {', '.join(KINDS)}; got {kind!r}")
    if not count:
        kind = "faiss-flat"
    elif kind is None:
        kind = _by_size(4 * count * dim)
    elif kind in _LEARNED and (count < _PQ_CENTRES or dim < 2):
        kind = _LEARNED[kind]
    if kind == "faiss-flat":
        return Plan(kind=kind)
    if kind == "flat-pq":
        # 64 parts for 512 numbers, 32 for 128: docs/results/index-kinds.md, 1 M templates.
        code_bytes = min(round((2 * dim) ** 0.5), dim // 2)
        return Plan(kind=kind, sample=min(count, 60_000), code_bytes=code_bytes)
    # Common choice for inverted files, not tuned.
    cells = max(1, min(round(4 * count**0.5), count // _SAMPLES_PER_CELL))
    if kind == "flat-sq8":
        return Plan(kind=kind, sample=min(count, 100_000))
    code_bytes = _divisor(dim, max(1, dim // 4)) if kind == "ivf-pq" else 0
    sample = min(count, max(cells, _PQ_CENTRES) * _SAMPLES_PER_CELL)
    return Plan(kind=kind, cells=cells, sample=sample, code_bytes=code_bytes)


def _by_size(total: int) -> Kind:
    if total <= _FLAT_BYTES:
        return "faiss-flat"
    if total <= _FLAT_SQ8_BYTES:
        return "flat-sq8"
    return "flat-pq" if total <= _FLAT_PQ_BYTES else "ivf-pq"


def _divisor(dim: int, limit: int) -> int:
    """Return the largest divisor of ``dim`` that is at most ``limit``."""
    return next(size for size in range(limit, 0, -1) if dim % size == 0)
