"""Dask graphs of other work than indexing: photos, stored faces, and plain functions over items."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from distributed import CancelledError, Client, Future, KilledWorker

from pipelines.cluster.cluster import (
    ANSWER_WITHIN_S,
    BACK_WITHIN_S,
    TRIES,
    connect,
    lost,
    open_client,
)
from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.timeouts import within
from pipelines.cluster.worker_plugin import worker_guard, worker_models
from pipelines.stages import prepare_photos, reembed_faces
from pipelines.stages.prepare_photos import PhotoOptions, RawPhoto
from pipelines.stages.reembed_faces import StoredFaces
from vidsearch.datatypes import Matrix
from vidsearch.errors import ClusterLostError, reason
from vidsearch.trainingset.candidates import Candidate

_LOOK_EVERY_S = 0.5
_GATHER_WITHIN_S = 600.0
_START_S = 120.0
_PHOTO_WITHIN_S = 30.0
_FACE_WITHIN_S = 5.0


def prepare(
    batches: Sequence[tuple[RawPhoto, ...]],
    pack: str,
    identity: str,
    photo: PhotoOptions,
    config: ClusterConfig,
) -> Iterator[tuple[int, tuple[Candidate, ...]]]:
    """Yield (number, candidates) of batches of photos as they are ready.

    A batch whose worker died is tried again; after three workers its photos are dropped, with that
    reason. Few batches are in flight at a time, so memory does not grow with the set.

    Raises:
        ConfigError: No scheduler at the address, or its workers are not fit for this run.
        ClusterLostError: The scheduler, or the last worker, is gone.
    """

    def given_up(batch: tuple[RawPhoto, ...]) -> tuple[Candidate, ...]:
        why = f"worker died: {TRIES} workers died of this batch of photos"
        return tuple(Candidate(p.identity, p.path, dropped=why) for p in batch)

    with connect(pack, identity, config) as cluster:

        def submit(batch: tuple[RawPhoto, ...]) -> Future:
            return cluster.client.submit(_prepare_task, batch, identity, photo, pure=False)

        yield from _tried(cluster.client, batches, submit, given_up, config.scheduler)


def reembed(
    pieces: Iterable[StoredFaces], pack: str, identity: str, config: ClusterConfig
) -> Iterator[tuple[int, Matrix]]:
    """Yield (number, embeddings) of pieces of stored faces as they are ready.

    Pieces are taken from the iterable as workers get free, so memory does not grow with it.

    Raises:
        ConfigError: No scheduler at the address, or its workers are not fit for this run.
        ClusterLostError: The scheduler or the last worker is gone, or three workers died of one
            piece.
    """

    def given_up(piece: StoredFaces) -> Matrix:
        raise ClusterLostError(
            f"{TRIES} workers died of the same {len(piece)} stored faces; what was finished is "
            "kept: repeat the command, with fewer --workers or more memory"
        )

    with connect(pack, identity, config) as cluster:

        def submit(piece: StoredFaces) -> Future:
            return cluster.client.submit(_reembed_task, piece, identity, pure=False)

        yield from _tried(cluster.client, pieces, submit, given_up, config.scheduler)


def _tried(
    client: Client,
    items: Iterable[Any],
    submit: Callable[[Any], Future],
    given_up: Callable[[Any], Any],
    scheduler: str | None,
) -> Iterator[tuple[int, Any]]:
    """Yield (number, answer) of every item; one whose worker died is tried on three in all."""
    again: deque[tuple[int, Any, int]] = deque()
    coming = ((number, item, 0) for number, item in enumerate(items))
    for (number, item, tries), future in _finished(
        client, coming, lambda job: submit(job[1]), scheduler, again
    ):
        answer = _result(future)
        if answer is not None:
            yield number, answer
        elif tries + 1 < TRIES:
            again.append((number, item, tries + 1))
        else:
            yield number, given_up(item)


def _result(future: Future) -> Any:
    """Return what came of an item, or None where it went with its worker."""
    if future.status != "finished":
        return None
    try:
        return future.result(timeout=_GATHER_WITHIN_S)
    except (OSError, KilledWorker, CancelledError):
        return None


def _prepare_task(
    batch: tuple[RawPhoto, ...], identity: str, photo: PhotoOptions
) -> tuple[Candidate, ...]:
    with worker_guard().task() as allow:
        allow(_START_S + _PHOTO_WITHIN_S * len(batch))
        return prepare_photos.run(batch, worker_models(identity), photo)


def _reembed_task(piece: StoredFaces, identity: str) -> Matrix:
    with worker_guard().task() as allow:
        allow(_START_S + _FACE_WITHIN_S * len(piece))
        return reembed_faces.run(piece, worker_models(identity).embedder)


def map_on_cluster(
    function: Callable[[Any], Any], items: Sequence[Any], scheduler: str, tries: int = TRIES
) -> Iterator[Any]:
    """Yield ``function(item)`` of every item as it is ready, in no particular order.

    Few items wait on the workers at a time, and an answer is let go of once it was yielded. For
    work without models or videos; files must be reachable under the same paths everywhere.

    Raises:
        ConfigError: No scheduler answers there.
        ClusterLostError: An item killed several workers, or the cluster is gone.
    """
    with open_client(scheduler) as client:

        def submit(item: Any) -> Future:
            return client.submit(function, item, pure=False, retries=tries - 1)

        for _, future in _finished(client, iter(items), submit, scheduler):
            try:
                answer = future.result(timeout=_GATHER_WITHIN_S)
            except (KilledWorker, OSError, CancelledError) as error:
                raise ClusterLostError(
                    f"workers of the Dask cluster {scheduler!r} are gone ({type(error).__name__}); "
                    "start it again and repeat the command"
                ) from error
            yield answer


def _finished(
    client: Client,
    coming: Iterator[Any],
    submit: Callable[[Any], Future],
    scheduler: str | None,
    again: deque[Any] | None = None,
) -> Iterator[tuple[Any, Future]]:
    """Yield every item with its task that is over; what is added to ``again`` comes once more."""
    again = again if again is not None else deque()
    done: queue.Queue[Future] = queue.Queue()
    running: dict[Future, Any] = {}
    threads, had_workers = 1, time.monotonic()
    looked = -_LOOK_EVERY_S
    while True:
        if time.monotonic() - looked > _LOOK_EVERY_S:
            threads = _threads(client, scheduler)
            looked = time.monotonic()
            if threads:
                had_workers = looked
            elif looked - had_workers > BACK_WITHIN_S:
                raise lost("last worker", scheduler)
        while len(running) < max(2 * threads, 2):
            item = again.popleft() if again else next(coming, None)
            if item is None:
                break
            future = submit(item)
            running[future] = item
            future.add_done_callback(done.put)
        if not running:
            return
        try:
            future = done.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            continue
        if client.status != "running":
            raise lost("scheduler", scheduler)
        yield running.pop(future), future
        future.release()


def _threads(client: Client, scheduler: str | None) -> int:
    """Return how many items can be worked on at once."""
    if client.status != "running":
        raise lost("scheduler", scheduler)
    try:
        about = within(ANSWER_WITHIN_S, "the scheduler", client.scheduler_info, n_workers=-1)
    except OSError as error:
        raise lost("scheduler", scheduler, reason(error)) from error
    return sum(int(worker["nthreads"]) for worker in about["workers"].values())
