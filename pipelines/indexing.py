"""Indexing an archive: find the files, work through the new ones, commit, build the index."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pipelines.copies import Copy, split_copies
from pipelines.payloads import Failure, IndexOptions, KnownVideo, Outcome
from pipelines.progress import Progress
from pipelines.stages import edge
from vidsearch.catalog import (
    Catalog,
    CatalogWriter,
    IndexedVideo,
    KnownFile,
    VideoRecord,
    WriterConfig,
)
from vidsearch.device import resolve_device
from vidsearch.errors import CatalogNotFoundError
from vidsearch.models.own_pack import BUILT_IN
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.video.discover import VideoSource, discover


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What a run did.

    Attributes:
        indexed: Videos read, those read in part included.
        skipped: Files whose content was in the catalog already.
        failed: Files that could not be read.
        tracks: Tracks found in this run.
        faces: Faces seen in this run's sampled frames.
        duration_s: Seconds of video read in this run.
        elapsed_s: Time the run took.
        failures: Why files failed.
        partly_read: (file, what is missing) of videos read in part.
    """

    indexed: int
    skipped: int
    failed: int
    tracks: int
    faces: int
    duration_s: float
    elapsed_s: float
    failures: tuple[Failure, ...]
    partly_read: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``vidsearch index --json`` prints."""
        return {
            "videos": {"indexed": self.indexed, "skipped": self.skipped, "failed": self.failed},
            "tracks": self.tracks,
            "faces": self.faces,
            "duration_s": round(self.duration_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            "failures": [
                {"video": f.source.uri, "stage": f.stage, "error": f.error, "message": f.message}
                for f in self.failures
            ],
        }


def index(
    catalog: Catalog | str | os.PathLike[str],
    sources: Sequence[str | os.PathLike[str]],
    options: IndexOptions | None = None,
    *,
    model: str | None = None,
    show_progress: bool = False,
) -> IndexReport:
    """Index videos into a catalog; what is in it already is skipped.

    Safe to repeat, to interrupt and to run twice at once: every batch is committed whole or not at
    all, and a video is known by its content.

    Args:
        catalog: A catalog, or the folder of one; a new folder becomes a catalog.
        sources: Files, folders (searched recursively), globs, or ``@list.txt``.
        options: How to index.
        model: Name or folder of the pack; None: the catalog's own, ``open`` for a new one.
        show_progress: Draw a progress bar if stderr is a terminal.

    Raises:
        VidsearchError: Nothing to index, no such pack, a catalog of another model, ... One bad
            video never raises: it is counted in the report.
    """
    started = time.monotonic()
    used = options if options is not None else IndexOptions()
    files = discover([os.fspath(source) for source in sources])
    archive, models, pack = _open(catalog, model, used)
    known = archive.known_files()
    todo = [file for file in files if used.again or not _unchanged(file, known.get(file.uri))]
    todo.sort(key=lambda file: (-file.size, file.uri))
    tally = _Tally(archive.model_id, skipped=len(files) - len(todo))
    if todo:
        _work(archive, models, pack, used, todo, tally, show_progress=show_progress)
    return tally.report(time.monotonic() - started)


def _open(
    catalog: Catalog | str | os.PathLike[str], model: str | None, options: IndexOptions
) -> tuple[Catalog, LoadedPack, str]:
    """Open the catalog with its pack; where there is none, make it once the pack has loaded."""
    archive = catalog if isinstance(catalog, Catalog) else _existing(catalog)
    pack = _lasting(model) if model is not None else archive.pack if archive is not None else "open"
    models = load_pack(pack, resolve_device(options.device))
    if archive is not None:
        archive.require_model(models.model_id)
        return archive, models, pack
    place = cast("str | os.PathLike[str]", catalog)
    made = Catalog.create(place, pack=pack, model_id=models.model_id, dim=models.embedder.dim)
    return made, models, pack


def _lasting(pack: str) -> str:
    """Return a pack's name, or its folder as it is found from any other folder."""
    return pack if pack in BUILT_IN else os.path.abspath(pack)  # noqa: PTH100 (keeps links)


def _existing(place: str | os.PathLike[str]) -> Catalog | None:
    try:
        return Catalog.open(place)
    except CatalogNotFoundError:
        return None


def _unchanged(file: VideoSource, known: KnownFile | None) -> bool:
    """Say whether a file needs no second look; one that failed gets it, for causes pass."""
    return (
        known is not None
        and known.status != "failed"
        and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
    )


def _work(
    archive: Catalog,
    models: LoadedPack,
    pack: str,
    options: IndexOptions,
    todo: list[VideoSource],
    tally: _Tally,
    *,
    show_progress: bool,
) -> None:
    from vidsearch.index import rebuild_if_stale

    archive.repair()
    statuses = {} if options.again else archive.video_statuses()
    contents = frozenset(name for name, status in statuses.items() if status != "failed")
    originals, copies = split_copies(todo)
    total = sum(file.size for file in originals)
    config = WriterConfig(replace=options.again)
    with (
        CatalogWriter(archive, config=config) as writer,
        Progress(total, show=show_progress) as progress,
    ):
        for outcome in _outcomes(originals, models, pack, options, contents):
            tally.add(outcome, writer)
            if isinstance(outcome, IndexedVideo):
                progress.step(outcome.video.size, tracks=len(outcome.tracks))
            else:
                progress.step(outcome.source.size, failed=isinstance(outcome, Failure))
        for copy in copies:
            tally.add_copy(copy, writer)
    archive.retire_replaced()
    archive.maintain()
    rebuild_if_stale(archive)


def _outcomes(
    todo: list[VideoSource],
    models: LoadedPack,
    pack: str,
    options: IndexOptions,
    known: frozenset[str],
) -> Iterator[Outcome]:
    if options.scheduler is None and min(options.workers, len(todo)) == 1:
        for source in todo:
            yield edge.run(source, models, options, known)
        return
    from pipelines import graph

    yield from graph.run(todo, pack, models.model_id, options, known)


def _is_there(source: VideoSource) -> bool:
    return "://" in source.uri or Path(source.uri).exists()


def _unread_id(source: VideoSource) -> str:
    """Return a stand-in for the content hash of a file that could not be read at all.

    Its failure is on record like any other, until the file can be read and is another content.
    """
    name = os.fsencode(source.uri)
    return "unread-" + hashlib.blake2b(name, digest_size=16).hexdigest()


class _Tally:
    """Hands outcomes to the writer and counts them; holds no tracks."""

    def __init__(self, model_id: str, skipped: int) -> None:
        self._model_id = model_id
        self._skipped = skipped
        self._indexed: set[str] = set()
        self._tracks = 0
        self._faces = 0
        self._duration_s = 0.0
        self._failures: list[Failure] = []
        self._failed: dict[str, Failure] = {}
        self._partly_read: list[tuple[str, str]] = []

    def add(self, outcome: Outcome, writer: CatalogWriter) -> None:
        """Commit one outcome (with its batch) and count it."""
        if isinstance(outcome, KnownVideo):
            source = outcome.source
            self._skipped += 1
            writer.add_file(KnownFile(source.uri, source.size, source.mtime_ns, outcome.video_id))
        elif isinstance(outcome, Failure):
            self._failures.append(outcome)
            self._failed[outcome.source.uri] = outcome
            if outcome.video_id is not None:
                writer.add(IndexedVideo(self._record(outcome, outcome.video_id)))
            elif _is_there(outcome.source):
                writer.add(IndexedVideo(self._record(outcome, _unread_id(outcome.source))))
        else:
            self._add_indexed(outcome)
            writer.add(outcome)

    def add_copy(self, copy: Copy, writer: CatalogWriter) -> None:
        """Count a copy as its original turned out."""
        failure = self._failed.get(copy.original.uri)
        if failure is None:
            self.add(KnownVideo(copy.source, copy.video_id), writer)
        else:
            self._failures.append(replace(failure, source=copy.source))

    def _add_indexed(self, indexed: IndexedVideo) -> None:
        video = indexed.video
        if video.video_id in self._indexed:
            return
        self._indexed.add(video.video_id)
        self._tracks += len(indexed.tracks)
        self._faces += video.faces_seen
        self._duration_s += video.read_s if video.read_s is not None else 0.0
        if video.status == "partial" and video.failure is not None:
            self._partly_read.append((video.uri, video.failure))

    def _record(self, failure: Failure, video_id: str) -> VideoRecord:
        return VideoRecord(
            video_id=video_id,
            uri=failure.source.uri,
            size=failure.source.size,
            mtime_ns=failure.source.mtime_ns,
            status="failed",
            model_id=self._model_id,
            failure=failure.message,
            failure_stage=failure.stage,
            failure_error=failure.error,
        )

    def report(self, elapsed_s: float) -> IndexReport:
        return IndexReport(
            indexed=len(self._indexed),
            skipped=self._skipped,
            failed=len(self._failures),
            tracks=self._tracks,
            faces=self._faces,
            duration_s=self._duration_s,
            elapsed_s=elapsed_s,
            failures=tuple(sorted(self._failures, key=lambda f: f.source.uri)),
            partly_read=tuple(sorted(self._partly_read)),
        )
