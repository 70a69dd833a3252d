"""Another model for an existing catalog: from its stored faces, live only if it is no worse."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from pipelines.cluster.config import ClusterConfig
from pipelines.stages import reembed_faces
from pipelines.stages.reembed_faces import StoredFaces
from vidsearch.catalog import Catalog
from vidsearch.catalog.maintenance import repair
from vidsearch.catalog.reembedding import (
    FACES_IN_PIECE,
    Pieces,
    ReembeddingResult,
    aligned_points,
    write_tables,
)
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.catalog.versions import (
    discard_staged,
    is_current,
    publish,
    reembedding_lock,
    remove_superseded,
    stage,
)
from vidsearch.datatypes import Matrix
from vidsearch.device import resolve_device
from vidsearch.errors import CatalogConflictError, ConfigError, PackNotFoundError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.models.registry import LoadedPack, describe_pack, lasting_name, load_pack

_LOG = logging.getLogger(__name__)
_ROUNDS = 5
_TOLERANCE = 1e-9
_FACE_COLUMNS = ("aligned_jpeg", "landmarks", "aligned_points")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembedOptions:
    """How a catalog is re-embedded.

    Attributes:
        labels: Who is seen where, as for ``evaluate retrieval``; None: nothing is measured.
        force: Go live even if MAP falls.
        cluster: Workers, device and scheduler.
    """

    labels: Path | None = None
    force: bool = False
    cluster: ClusterConfig = field(default_factory=ClusterConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """MAP@100 over videos, iQIYI official, of the same queries with both models."""

    old: float
    new: float
    queries: int

    @property
    def change(self) -> float:
        return self.new - self.old

    @property
    def fell(self) -> bool:
        return self.change < -_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """How the stored pictures suit the new model.

    Attributes:
        size: Side of a stored picture with its rim, pixels.
        wanted: Side that the new model takes.
        enlarged: How many times larger a face is shown to it than it is stored; above 1 detail is
            missing that a video would have.
        outside: Share of what the new model looks at that was not stored; there the border is
            repeated.
    """

    size: int
    wanted: int
    enlarged: float
    outside: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembedReport:
    """What came of it.

    Attributes:
        live: Whether the new model is in use now.
        faces: Embedded.
        tracks: With a new template.
        unreadable: Stored faces that are damaged.
        lost_videos: Videos with a track that has no readable face; it cannot be found any more.
        map: Where there are labels.
        stored: None where the catalog keeps no face.
    """

    catalog: str
    old_model: str
    new_model: str
    live: bool
    faces: int = 0
    tracks: int = 0
    unreadable: int = 0
    lost_tracks: int = 0
    lost_videos: tuple[str, ...] = ()
    map: Map | None = None
    stored: Stored | None = None
    elapsed_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, dictionaries, numbers and text."""
        plain = asdict(self)
        plain["lost_videos"] = list(self.lost_videos)
        if self.map is not None:
            plain["map"]["change"] = self.map.change
        return plain


def reembed(
    place: str | os.PathLike[str],
    model: str,
    options: ReembedOptions | None = None,
    *,
    show_progress: bool = False,
) -> ReembedReport:
    """Give a catalog the vectors of another pack, made from its stored faces; no video is decoded.

    The catalog stays usable as it is until all is done and one write puts the new vectors in use;
    a run that was stopped or killed anywhere leaves it so, and goes on when it is repeated. Named
    people and verdicts stay. The old vectors are removed at the end.

    Args:
        place: The catalog.
        model: Name or folder of the other pack.
        options: How.
        show_progress: Draw a progress line on a terminal.

    Raises:
        CatalogError: It cannot be read or written, or is being changed by others.
        ModelError: A pack cannot be used.
        ConfigError: The labels are malformed or do not fit the catalog.
    """
    started = time.monotonic()
    used = options if options is not None else ReembedOptions()
    catalog, pack = Catalog.open(place), lasting_name(model)
    with reembedding_lock(catalog):
        remove_superseded(catalog)
        models = load_pack(pack, resolve_device(used.cluster.client_device))
        report = ReembedReport(
            catalog=catalog.uri, old_model=catalog.model_id, new_model=models.model_id, live=True
        )
        if models.model_id != catalog.model_id:
            discard_staged(catalog, pieces=False)
            repair(catalog)
            report = _Reembedding(catalog, pack, models, used, show_progress).run(report)
        discard_staged(Catalog.open(place))
        return replace(report, elapsed_s=time.monotonic() - started)


class _Reembedding:
    """One catalog on its way from one pack to another."""

    def __init__(
        self,
        catalog: Catalog,
        pack: str,
        models: LoadedPack,
        options: ReembedOptions,
        show_progress: bool,
    ) -> None:
        self._catalog, self._pack, self._models = catalog, pack, models
        self._options = options
        self._shown = show_progress
        self._stored = _stored_template(catalog)
        self._pieces = Pieces(catalog, models.model_id)

    def run(self, report: ReembedReport) -> ReembedReport:
        """Embed, write, measure, and put in use unless MAP falls."""
        old_map = self._measure(self._catalog, None)
        self._pieces.discard_others()
        snapshot, staged, made = self._build()
        report = replace(
            report,
            faces=made.faces,
            tracks=made.tracks,
            unreadable=made.unreadable,
            lost_tracks=len(made.lost),
            lost_videos=made.videos_of_lost,
            stored=self._how_stored(snapshot),
        )
        new_map = self._measure(staged, self._models)
        if old_map is not None and new_map is not None:
            found = Map(old=old_map[0], new=new_map[0], queries=new_map[1])
            report = replace(report, map=found, live=self._options.force or not found.fell)
        if report.live:
            publish(self._catalog, staged, snapshot)
            remove_superseded(staged)
        return report

    def _build(self) -> tuple[Snapshot, Catalog, ReembeddingResult]:
        """Embed what is there, also what is indexed meanwhile, and write tables and index."""
        from vidsearch.search.track_index import rebuild

        for _ in range(_ROUNDS):
            snapshot = self._catalog.snapshot()
            self._embed(snapshot)
            if is_current(self._catalog, snapshot):
                break
        else:
            raise CatalogConflictError(
                f"videos are being indexed into the catalog {self._catalog.uri!r} all the time; "
                "repeat the command when that is done: it goes on"
            )
        model = self._models
        staged = stage(self._catalog, self._pack, model.model_id, model.embedder.dim)
        made = write_tables(snapshot, staged, self._pieces, self._stored)
        rebuild(staged)
        return snapshot, staged, made

    def _embed(self, snapshot: Snapshot) -> None:
        """Embed every piece that is not there yet."""
        faces = sum(len(read(["position"])) for read in snapshot.face_pieces())
        # disable=None: quiet unless stderr is a terminal
        with tqdm(total=faces, unit=" faces", disable=None if self._shown else True) as progress:
            names: list[str] = []
            sizes: list[int] = []

            def todo() -> Iterator[StoredFaces]:
                for name, rows in self._missing(snapshot, progress):
                    names.append(name)
                    sizes.append(len(rows))
                    yield _faces(rows, self._stored)

            for number, embeddings in self._worked(todo(), faces):
                self._pieces.write(names[number], embeddings)
                progress.update(sizes[number])

    def _missing(self, snapshot: Snapshot, progress: Any) -> Iterator[tuple[str, pa.Table]]:
        for read in snapshot.face_pieces():
            there = [(n in self._pieces, rows) for n, rows in Pieces.split(read(Pieces.KEYS))]
            progress.update(sum(len(rows) for known, rows in there if known))
            if all(known for known, _ in there):
                continue
            for name, rows in Pieces.split(read((*Pieces.KEYS, *_FACE_COLUMNS))):
                if name not in self._pieces:
                    yield name, rows

    def _how_stored(self, snapshot: Snapshot) -> Stored | None:
        """Say how the stored pictures suit the model: those that suit it worst."""
        seen: dict[bytes, Stored] = {}
        wanted = self._models.embedder.template
        for read in snapshot.face_pieces():
            every = aligned_points(read(["aligned_points", "position"]), self._stored)
            new = {points.tobytes(): row for row, points in enumerate(every)}
            if new.keys() <= seen.keys():
                continue
            jpegs = read(["aligned_jpeg"])["aligned_jpeg"].to_pylist()
            for key, row in new.items():
                picture = reembed_faces.picture(jpegs[row])
                if picture is not None:
                    stored = reembed_faces.alignment(every[row], len(picture), wanted)
                    seen.setdefault(key, how_stored(stored, wanted))
        return max(seen.values(), key=lambda s: (s.outside, s.enlarged), default=None)

    def _worked(self, pieces: Iterator[StoredFaces], faces: int) -> Iterator[tuple[int, Matrix]]:
        cluster = self._options.cluster
        processes = min(cluster.workers, max(faces // (2 * FACES_IN_PIECE), 1))
        if cluster.scheduler is None and processes == 1:
            embedder = self._models.embedder
            for number, piece in enumerate(pieces):
                yield number, reembed_faces.run(piece, embedder)
            return
        from pipelines.cluster import tasks as batches
        from pipelines.cluster.fingerprint import pack_identity

        yield from batches.reembed(
            pieces,
            self._pack,
            pack_identity(self._models.pack),
            replace(cluster, workers=processes),
        )

    def _measure(self, catalog: Catalog, models: LoadedPack | None) -> tuple[float, int] | None:
        """Return MAP and the number of queries; None without labels."""
        if self._options.labels is None:
            return None
        from vidsearch.evaluation.retrieval.labels import read_labels
        from vidsearch.evaluation.retrieval.measure import RetrievalOptions, measure

        labels = read_labels(self._options.labels, catalog)
        retrieval = RetrievalOptions(device=self._options.cluster.client_device)
        found = measure(catalog, labels, retrieval, models=models).videos
        return found.intervals["iqiyi"].mean, len(found.queries)


def _faces(rows: pa.Table, stored: AlignmentTemplate) -> StoredFaces:
    landmarks = np.array(rows["landmarks"].to_pylist(), np.float32).reshape(-1, 5, 2)
    return StoredFaces(
        tuple(rows["aligned_jpeg"].to_pylist()), landmarks, aligned_points(rows, stored)
    )


def _stored_template(catalog: Catalog) -> AlignmentTemplate:
    """Return how the catalog's pack aligns: so are its stored faces, unless they say otherwise."""
    try:
        described = describe_pack(catalog.pack)
    except PackNotFoundError as error:
        raise PackNotFoundError(
            f"pack {catalog.pack!r}, which the catalog {catalog.uri!r} was made with, is gone, and "
            "only it says how the stored faces are aligned; put its folder back"
        ) from error
    if described.model_id != catalog.model_id:
        raise ConfigError(
            f"pack {catalog.pack!r} is model {described.model_id!r} now, and the catalog "
            f"{catalog.uri!r} was made with {catalog.model_id!r}; put the former pack back there, "
            "and the new one into another folder"
        )
    return described.embedder.template


def how_stored(stored: AlignmentTemplate, wanted: AlignmentTemplate) -> Stored:
    """Say how faces that are stored in one alignment suit another."""
    from vidsearch.faces.geometry.align import similarity_transform

    matrix = similarity_transform(stored.array, wanted)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    rows, columns = np.mgrid[0 : wanted.size, 0 : wanted.size]
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    points = back @ np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    inside = ((points[:2] >= -0.5) & (points[:2] <= stored.size - 0.5)).all(axis=0)
    return Stored(
        size=stored.size,
        wanted=wanted.size,
        enlarged=scale,
        outside=float(1 - inside.mean()),
    )
