"""Re-embed a catalog with another model, from its stored faces.

The new model is put in use only if retrieval does not get worse.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from pipelines.cluster.config import TRIES, ClusterConfig
from pipelines.cluster.context import WorkerContext
from pipelines.reembed_report import MapComparison, ReembedReport
from pipelines.stages import reembed_faces
from pipelines.stages.reembed_faces import StoredFaces
from pipelines.stages.stored_fit import StoredFaceFit, stored_face_fit
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
from vidsearch.erasure.erase import finish_pending
from vidsearch.errors import (
    CatalogConflictError,
    ClusterLostError,
    ConfigError,
    PackNotFoundError,
)
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.models.registry import LoadedPack, describe_pack, load_pack, pack_reference

if TYPE_CHECKING:
    from pipelines.cluster.task import GivenUp
    from pipelines.cluster.tasks import ItemTask

_LOG = logging.getLogger(__name__)

_ROUNDS = 5
_FACE_COLUMNS = ("aligned_jpeg", "landmarks", "aligned_points")
_START_S = 120.0
_FACE_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembedOptions:
    """Configuration of a re-embedding.

    Attributes:
        labels: Labels of ``evaluate retrieval``; None: nothing is measured.
        force: Put the new model in use even if MAP falls.
        cluster: Workers, device and scheduler.
    """

    labels: Path | None = None
    force: bool = False
    cluster: ClusterConfig = field(default_factory=ClusterConfig)


def reembed(
    root: str | os.PathLike[str],
    model: str,
    options: ReembedOptions | None = None,
    *,
    show_progress: bool = False,
) -> ReembedReport:
    """Replace the vectors of a catalog by those of another pack, made from its stored faces.

    No video is decoded. The catalog stays usable, and one write at the end puts the new vectors in
    use. A stopped run leaves the catalog unchanged and continues when it is repeated. Named people
    and verdicts stay. The old vectors are removed at the end.

    Args:
        root: Folder of the catalog.
        model: Name or folder of the other pack.
        options: Configuration; None: the defaults.
        show_progress: Draw a progress line on a terminal.

    Raises:
        CatalogError: The catalog cannot be read or written, or another process changes it.
        ModelError: A pack cannot be used.
        ConfigError: The labels are malformed or do not fit the catalog.
    """
    started = time.monotonic()
    options = options if options is not None else ReembedOptions()
    catalog, pack = Catalog.open(root), pack_reference(model)
    finish_pending(catalog)
    with reembedding_lock(catalog):
        remove_superseded(catalog)
        models = load_pack(pack, resolve_device(options.cluster.client_device))
        report = ReembedReport(
            catalog=catalog.uri, old_model=catalog.model_id, new_model=models.model_id, live=True
        )
        if models.model_id != catalog.model_id:
            discard_staged(catalog, pieces=False)
            repair(catalog)
            report = _Reembedding(catalog, pack, models, options, show_progress).run(report)
        discard_staged(Catalog.open(root))
        return replace(report, elapsed_s=time.monotonic() - started)


class _Reembedding:
    """Steps of one re-embedding: measure, embed, write, measure again, put in use."""

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
        self._show_progress = show_progress
        self._stored = _stored_template(catalog)
        self._pieces = Pieces(catalog, models.model_id)

    def run(self, report: ReembedReport) -> ReembedReport:
        """Embed, write, measure, and put the new model in use unless MAP falls."""
        old_map = self._measure(self._catalog, None)
        self._pieces.discard_others()
        snapshot, staged, written = self._build()
        report = replace(
            report,
            faces=written.faces,
            tracks=written.tracks,
            unreadable=written.unreadable,
            lost_tracks=len(written.lost),
            lost_videos=written.videos_of_lost,
            stored=self._worst_fit(snapshot),
        )
        new_map = self._measure(staged, self._models)
        if old_map is not None and new_map is not None:
            comparison = MapComparison(old=old_map[0], new=new_map[0], queries=new_map[1])
            live = self._options.force or not comparison.fell
            report = replace(report, map=comparison, live=live)
        if report.live:
            publish(self._catalog, staged, snapshot)
            remove_superseded(staged)
        return report

    def _build(self) -> tuple[Snapshot, Catalog, ReembeddingResult]:
        """Embed all faces, including those indexed meanwhile; write tables and index."""
        from vidsearch.search.track_index import rebuild

        for _ in range(_ROUNDS):
            snapshot = self._catalog.snapshot()
            self._embed(snapshot)
            if is_current(self._catalog, snapshot):
                break
        else:
            raise CatalogConflictError(
                f"the catalog {self._catalog.uri!r} gets new videos all the time; repeat the "
                "command when its indexing is done: the re-embedding then continues"
            )
        model = self._models
        staged = stage(self._catalog, self._pack, model.model_id, model.embedder.dim)
        written = write_tables(snapshot, staged, self._pieces, self._stored)
        rebuild(staged)
        return snapshot, staged, written

    def _embed(self, snapshot: Snapshot) -> None:
        """Embed every missing piece."""
        faces = sum(len(read(["position"])) for read in snapshot.face_pieces())
        # disable=None: quiet unless stderr is a terminal
        disable = None if self._show_progress else True
        with tqdm(total=faces, unit=" faces", disable=disable) as progress:
            names: list[str] = []
            sizes: list[int] = []

            def missing_faces() -> Iterator[StoredFaces]:
                for name, rows in self._missing(snapshot, progress):
                    names.append(name)
                    sizes.append(len(rows))
                    yield _stored_faces(rows, self._stored)

            for number, embeddings in self._embeddings(missing_faces(), faces):
                self._pieces.write(names[number], embeddings)
                progress.update(sizes[number])

    def _missing(self, snapshot: Snapshot, progress: Any) -> Iterator[tuple[str, pa.Table]]:
        for read in snapshot.face_pieces():
            pieces = [(n in self._pieces, rows) for n, rows in Pieces.split(read(Pieces.KEYS))]
            progress.update(sum(len(rows) for exists, rows in pieces if exists))
            if all(exists for exists, _ in pieces):
                continue
            for name, rows in Pieces.split(read((*Pieces.KEYS, *_FACE_COLUMNS))):
                if name not in self._pieces:
                    yield name, rows

    def _worst_fit(self, snapshot: Snapshot) -> StoredFaceFit | None:
        """Return the worst fit of the stored faces to the new model."""
        fits: dict[bytes, StoredFaceFit] = {}
        template = self._models.embedder.template
        for read in snapshot.face_pieces():
            all_points = aligned_points(read(["aligned_points", "position"]), self._stored)
            rows_by_points = {points.tobytes(): row for row, points in enumerate(all_points)}
            if rows_by_points.keys() <= fits.keys():
                continue
            jpegs = read(["aligned_jpeg"])["aligned_jpeg"].to_pylist()
            for key, row in rows_by_points.items():
                image = reembed_faces.decode_stored_face(jpegs[row])
                if image is not None:
                    stored = reembed_faces.stored_alignment(all_points[row], len(image), template)
                    fits.setdefault(key, stored_face_fit(stored, template))
        return max(fits.values(), key=lambda fit: (fit.outside, fit.scale), default=None)

    def _embeddings(
        self, pieces: Iterator[StoredFaces], faces: int
    ) -> Iterator[tuple[int, Matrix]]:
        cluster_config = self._options.cluster
        processes = min(cluster_config.workers, max(faces // (2 * FACES_IN_PIECE), 1))
        if cluster_config.scheduler is None and processes == 1:
            embedder = self._models.embedder
            for number, piece in enumerate(pieces):
                yield number, reembed_faces.run(piece, embedder)
            return
        from pipelines.cluster.connect import connect
        from pipelines.cluster.context import WorkerPack
        from pipelines.cluster.fingerprint import pack_identity
        from pipelines.cluster.tasks import run_tasks

        worker_pack = WorkerPack(self._pack, pack_identity(self._models.pack))
        with connect(replace(cluster_config, workers=processes), worker_pack) as cluster:
            yield from run_tasks(cluster, _embed_piece, pieces, _give_up)

    def _measure(self, catalog: Catalog, models: LoadedPack | None) -> tuple[float, int] | None:
        """Return MAP and the number of queries; None without labels."""
        if self._options.labels is None:
            return None
        from vidsearch.evaluation.report.left_out import left_out_line
        from vidsearch.evaluation.retrieval.labels import read_labels
        from vidsearch.evaluation.retrieval.measure import RetrievalOptions, measure

        labels = read_labels(self._options.labels, catalog)
        if models is None:  # the first of two measurements
            for group in labels.left_out:
                _LOG.warning("%s: %s", self._options.labels, left_out_line(group))
        retrieval = RetrievalOptions(device=self._options.cluster.client_device)
        videos = measure(catalog, labels, retrieval, models=models).videos
        return videos.intervals["iqiyi"].mean, len(videos.queries)


def _embed_piece(context: WorkerContext, piece: StoredFaces) -> Matrix:
    context.allow(_START_S + _FACE_WITHIN_S * len(piece))
    return reembed_faces.run(piece, context.models.embedder)


def _give_up(failure: GivenUp[ItemTask]) -> Matrix:
    raise ClusterLostError(
        f"{TRIES} workers died of the same {len(failure.task.item)} stored faces; finished work is "
        "kept: repeat the command, with fewer --workers or more memory"
    )


def _stored_faces(rows: pa.Table, stored: AlignmentTemplate) -> StoredFaces:
    landmarks = np.array(rows["landmarks"].to_pylist(), np.float32).reshape(-1, 5, 2)
    return StoredFaces(
        tuple(rows["aligned_jpeg"].to_pylist()), landmarks, aligned_points(rows, stored)
    )


def _stored_template(catalog: Catalog) -> AlignmentTemplate:
    """Return the alignment of the catalog's pack, the default of its stored faces."""
    try:
        described = describe_pack(catalog.pack)
    except PackNotFoundError as error:
        raise PackNotFoundError(
            f"pack {catalog.pack!r} of the catalog {catalog.uri!r} is gone, and only the pack "
            "states the alignment of the stored faces; put its folder back"
        ) from error
    if described.model_id != catalog.model_id:
        raise ConfigError(
            f"pack {catalog.pack!r} is now model {described.model_id!r}, but the catalog "
            f"{catalog.uri!r} has the vectors of {catalog.model_id!r}; put the former pack back "
            "there, and the new pack into another folder"
        )
    return described.embedder.template
