"""Selection of the files of a run: files to index, quarantined files, and known contents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure
from vidsearch.catalog import Catalog
from vidsearch.catalog.erasures.pending import erased_videos
from vidsearch.catalog.streams.notes import has_streams
from vidsearch.video.discover import VideoSource
from vidsearch.video.discovery.exclusion import in_system_folder

QUARANTINE_STAGE = "worker"
"""Stage of a failure that killed its workers; the video is then quarantined."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Files of a run.

    Attributes:
        to_index: Files that need work, longest first.
        quarantined: Failures of the quarantined files, from an earlier run.
        quarantined_contents: Content hash -> (error, message) of every quarantined video.
        skipped: Number of files that are indexed already.
        searchable: Paths of ``to_index`` whose earlier content can be searched.
        erased: Content hashes that were erased and are not indexed again.
    """

    to_index: list[VideoSource]
    quarantined: list[Failure]
    quarantined_contents: Mapping[str, tuple[str, str]]
    skipped: int
    searchable: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()


def select_files(catalog: Catalog, files: Sequence[VideoSource], config: IndexConfig) -> Selection:
    """Select the files that need work.

    A file is known by its path, size and modification time. A failed file is tried again, because
    causes of failures pass and a second attempt costs little.
    """
    contents = {} if config.retry_failed else _quarantined_contents(catalog)
    known_files = catalog.known_files()
    incomplete = _without_requested_streams(catalog, config)
    to_index: list[VideoSource] = []
    quarantined: list[Failure] = []
    for file in files:
        before = known_files.get(file.uri)
        if before is None or (before.size, before.mtime_ns) != (file.size, file.mtime_ns):
            to_index.append(file)
        elif before.video_id in contents:
            error, message = contents[before.video_id]
            quarantined.append(Failure(QUARANTINE_STAGE, file, error, message, before.video_id))
        elif config.again or before.status == "failed" or before.video_id in incomplete:
            to_index.append(file)
    # Of several files with one content, the first gives the video its path.
    to_index.sort(key=lambda file: (-file.size, in_system_folder(file.uri), file.uri))
    skipped = len(files) - len(to_index) - len(quarantined)
    earlier = ((file.uri, known_files.get(file.uri)) for file in to_index)
    searchable = frozenset(
        uri for uri, before in earlier if before is not None and before.status != "failed"
    )
    erased = frozenset(_erased_contents(catalog, config))
    return Selection(to_index, quarantined, contents, skipped, searchable, erased)


def _erased_contents(catalog: Catalog, config: IndexConfig) -> dict[str, int]:
    """Return the erased contents that are left out, and the bytes of their files."""
    if config.again:
        return {}
    present = catalog.video_statuses()
    return {
        video_id: size
        for video_id, size in erased_videos(catalog.root).items()
        if size is not None and video_id not in present
    }


def _quarantined_contents(catalog: Catalog) -> dict[str, tuple[str, str]]:
    columns = ["video_id", "failure_stage", "failure_error", "failure"]
    return {
        row["video_id"]: (row["failure_error"], row["failure"])
        for row in catalog.videos(columns=columns).to_pylist()
        if row["failure_stage"] == QUARANTINE_STAGE
    }


def _without_requested_streams(catalog: Catalog, config: IndexConfig) -> frozenset[str]:
    """Return the videos of which a requested stream is not indexed."""
    if config.video_stream is None:
        return frozenset()
    rows = catalog.videos(columns=["video_id", "streams"]).to_pylist()
    return frozenset(
        row["video_id"] for row in rows if not has_streams(row["streams"], config.video_stream)
    )


def known_contents_by_size(catalog: Catalog, config: IndexConfig) -> dict[int, frozenset[str]]:
    """Return size in bytes -> content hashes of that size that are not indexed again.

    A copy or a moved file has the size of its original, so a task needs no other hashes. With
    ``again``, only the quarantined contents are in the result. Videos of which a requested stream
    is not indexed are left out. Erased contents are in the result, unless ``again`` asks for them.
    """
    contents: dict[int, set[str]] = defaultdict(set)
    incomplete = _without_requested_streams(catalog, config)
    rows = catalog.videos(columns=["video_id", "size", "status", "failure_stage"]).to_pylist()
    for row in rows:
        quarantined = row["failure_stage"] == QUARANTINE_STAGE and not config.retry_failed
        again = config.again or row["video_id"] in incomplete
        if quarantined or (row["status"] != "failed" and not again):
            contents[row["size"]].add(row["video_id"])
    for video_id, size in _erased_contents(catalog, config).items():
        contents[size].add(video_id)
    return {size: frozenset(ids) for size, ids in contents.items()}
