"""Archives of random templates that resemble real ones, of any size, made in blocks.

Every identity has 50 tracks, 20 to 50 degrees from its centre; queries lie 30 to 50 degrees from
it. Centres and deviations are normal, and the variances of their directions fall like those of real
templates (see ``benchmarks.index.template_spectrum``). Uniform random vectors would be the worst case
and not representative. The id of a track ends in the number of its identity. Ids are spread at random
otherwise, as hashes are, and so are the tracks of an identity over videos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from vidsearch.catalog import Catalog
from vidsearch.catalog.schema import VIDEOS, tracks_schema
from vidsearch.datatypes import Matrix, Vector

PER_IDENTITY = 50
TRACKS_A_VIDEO = 50
MODEL_ID = "made"
_RUN = "made"
_BLOCK_IDENTITIES = 1000


@dataclass(frozen=True)
class Block:
    """Videos of the archive: track ids, the video of each, and the templates in the same order."""

    track_ids: list[str]
    video_ids: list[str]
    vectors: Matrix


def scales(dim: int, spectrum: Path | None) -> Vector:
    """Return (D,) standard deviations, largest first: those of real templates, or a similar curve.

    For another length than that of the real ones, their curve is stretched.
    """
    if spectrum is None:
        at = np.arange(1, dim + 1)
        return (1 / (1 + at * 8 / dim) ** 0.75).astype(np.float32)
    variances = np.linalg.eigvalsh(np.cov(np.load(spectrum)["vectors"].T))[::-1].clip(0)
    spread = np.interp(
        np.linspace(0, 1, dim), np.linspace(0, 1, len(variances)), np.sqrt(variances)
    )
    return np.asarray(spread, np.float32)


def turned(centres: Matrix, degrees: tuple[float, float], scale: Vector, seed: int) -> Matrix:
    """Return each centre turned by a random angle of the range in a random direction."""
    rng = np.random.default_rng(seed)
    away = rng.standard_normal(centres.shape, dtype=np.float32) * scale
    away -= np.einsum("nd,nd->n", away, centres)[:, None] * centres
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    angle = np.radians(rng.uniform(*degrees, len(centres))).astype(np.float32)[:, None]
    vectors = np.cos(angle) * centres + np.sin(angle) * away
    result: Matrix = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return result


def centres_of(identities: int, scale: Vector, seed: int = 0) -> Matrix:
    """Return (identities, D) unit vectors."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((identities, len(scale)), dtype=np.float32) * scale
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return centres


def identity_of(track_id: str) -> int:
    return int(track_id[-8:], 16)


def blocks(centres: Matrix, scale: Vector, first: int = 0) -> Iterator[Block]:
    """Yield the archive of these identities, numbered from ``first``, in videos of 50 tracks."""
    for start in range(0, len(centres), _BLOCK_IDENTITIES):
        some = centres[start : start + _BLOCK_IDENTITIES]
        number = np.repeat(np.arange(len(some)), PER_IDENTITY) + first + start
        vectors = turned(np.repeat(some, PER_IDENTITY, axis=0), (20, 50), scale, first + start + 1)
        rng = np.random.default_rng((first + start, 1))
        order = rng.permutation(len(vectors))
        noise = rng.bytes(12 * len(vectors)).hex()
        videos = [rng.bytes(20).hex() for _ in range(-(-len(vectors) // TRACKS_A_VIDEO))]
        yield Block(
            [f"{noise[24 * i : 24 * i + 24]}{n:08x}" for i, n in enumerate(number[order].tolist())],
            [videos[i // TRACKS_A_VIDEO] for i in range(len(vectors))],
            vectors[order],
        )


def make_catalog(folder: Path, centres: Matrix, scale: Vector) -> Catalog:
    """Write a catalog of tracks and videos, block by block."""
    catalog = Catalog.create(folder, pack="made", model_id=MODEL_ID, dim=len(scale))
    videos: dict[str, None] = {}
    for block in blocks(centres, scale):
        catalog.table("tracks").append(track_rows(block))
        videos.update(dict.fromkeys(block.video_ids))
    catalog.table("videos").append(video_rows(list(videos)))
    return catalog


def track_rows(block: Block) -> pa.Table:
    schema = tracks_schema(block.vectors.shape[1])
    flat = pa.array(block.vectors.reshape(-1), pa.float32())
    known = {
        "track_id": pa.array(block.track_ids),
        "video_id": pa.array(block.video_ids),
        "template": pa.FixedSizeListArray.from_arrays(flat, block.vectors.shape[1]),
    }
    return _filled(schema, known, len(block.track_ids))


def video_rows(video_ids: Sequence[str]) -> pa.Table:
    tracks = pa.repeat(pa.scalar(TRACKS_A_VIDEO, pa.int64()), len(video_ids))
    known = {"video_id": pa.array(video_ids, pa.string()), "tracks": tracks}
    return _filled(VIDEOS, known, len(video_ids))


def _filled(schema: pa.Schema, known: dict[str, pa.Array], count: int) -> pa.Table:
    """Return the columns of a table: the given ones, one text for some, and null for the rest."""
    same = {"run_id": _RUN, "model_id": MODEL_ID, "status": "indexed"}
    columns = [
        known[field.name]
        if field.name in known
        else pa.repeat(pa.scalar(same.get(field.name), field.type), count)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
