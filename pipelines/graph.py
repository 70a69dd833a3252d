"""The Dask graph of a run: one task a video, a bounded number of them in flight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distributed import Client, Future, as_completed

from pipelines.cluster import connect, worker_models
from pipelines.payloads import Failure, IndexOptions, Outcome
from pipelines.stages import edge
from vidsearch.errors import ConfigError
from vidsearch.video.discover import VideoSource

IN_FLIGHT_PER_WORKER = 2
"""One video being worked on and one waiting, so that no worker idles and memory stays bounded."""


def run(
    sources: Sequence[VideoSource],
    pack: str,
    model_id: str,
    options: IndexOptions,
    known: frozenset[str],
) -> Iterator[Outcome]:
    """Yield every video's outcome as it is ready, in no particular order.

    Raises:
        ConfigError: No scheduler at the address, or its workers cannot load the pack.
    """
    with connect(pack, model_id, options, len(sources)) as client:
        # As a list of one: a bare set would be taken for a collection of things to scatter.
        (held,) = client.scatter([known], broadcast=True, hash=False)
        yield from _bounded(client, sources, options, held)


def _bounded(
    client: Client, sources: Sequence[VideoSource], options: IndexOptions, known: Future
) -> Iterator[Outcome]:
    waiting = iter(sources)
    of_future: dict[Future, VideoSource] = {}

    def submit() -> Future | None:
        source = next(waiting, None)
        if source is None:
            return None
        future = client.submit(_task, source, options, known, pure=False)
        of_future[future] = source
        return future

    workers = max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)
    first = [f for f in (submit() for _ in range(workers * IN_FLIGHT_PER_WORKER)) if f is not None]
    ready = as_completed(first)
    for future in ready:
        source = of_future.pop(future)
        following = submit()
        if following is not None:
            ready.add(following)
        yield _outcome(future, source)


def _task(source: VideoSource, options: IndexOptions, known: frozenset[str]) -> Outcome:
    return edge.run(source, worker_models(), options, known)


def _outcome(future: Future, source: VideoSource) -> Outcome:
    if future.cancelled():
        raise ConfigError(
            "the Dask scheduler was lost; what was finished is kept, repeat the command to continue"
        )
    error = future.exception()
    if error is not None:
        # Stages never raise: this is a worker that died (crashed decoder, out of memory).
        return Failure("worker", source, type(error).__name__, str(error).strip().splitlines()[0])
    outcome: Outcome = future.result()
    return outcome
