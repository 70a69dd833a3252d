"""Step ``change`` of ``index_scale``: tracks added and deleted without a rebuild."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.made_archive import (
    MODEL_ID,
    PER_IDENTITY,
    TRACKS_A_VIDEO,
    Block,
    blocks,
    centres_of,
)
from vidsearch.catalog import Catalog, CatalogWriter, IndexedVideo, VideoRecord, WriterConfig
from vidsearch.datatypes import Matrix, Template, TimeSpan, Track, Vector
from vidsearch.index.generations import read_generation
from vidsearch.search.track_index import TrackSearcher

CHANGED = 10_000
_VIDEOS_A_BATCH = 32  # as the indexing command commits them


def measure(catalog: Catalog, scale: Vector, queries: Matrix) -> None:
    searcher = TrackSearcher(catalog)
    before = len(searcher)
    timed_search("before", searcher, queries)
    fresh = list(blocks(centres_of(CHANGED // PER_IDENTITY, scale, seed=9), scale, first=1 << 24))
    added = add(catalog, fresh)
    refresh("added", searcher)
    assert len(searcher) == before + len(added), (len(searcher), before)
    check_found(searcher, added)
    timed_search("with 10,000 added", searcher, queries)
    deleted = delete(catalog)
    refresh("deleted", searcher)
    assert len(searcher) == before + len(added) - len(deleted[0])
    check_gone(searcher, deleted)
    timed_search("with 10,000 added and 10,000 deleted", searcher, queries)


def add(catalog: Catalog, fresh: list[Block]) -> Matrix:
    """Commit the videos as indexing does; return the templates."""
    begun = time.perf_counter()
    with CatalogWriter(catalog, config=WriterConfig(flush_videos=_VIDEOS_A_BATCH)) as writer:
        for block in fresh:
            for start in range(0, len(block.vectors), TRACKS_A_VIDEO):
                writer.add(_video(block, slice(start, start + TRACKS_A_VIDEO)))
    print(f"committed {CHANGED} tracks in {time.perf_counter() - begun:.1f} s")
    return np.concatenate([block.vectors for block in fresh])


def _video(block: Block, rows: slice) -> IndexedVideo:
    video_id = block.video_ids[rows.start]
    record = VideoRecord(
        video_id=video_id,
        uri=f"/archive/{video_id}.mp4",
        size=1,
        mtime_ns=1,
        status="indexed",
        model_id=MODEL_ID,
        duration_s=60.0,
        read_s=60.0,
        frames_decoded=1500,
        frames_sampled=120,
        faces_seen=450,
    )
    box = np.array([10, 10, 110, 110], np.float32)
    tracks = tuple(
        Track(TimeSpan(float(i), i + 1.0), i + 0.5, i, 9, 0.8, box, Template(v, 9.0, MODEL_ID), ())
        for i, v in enumerate(block.vectors[rows])
    )
    return IndexedVideo(record, tracks)


def delete(catalog: Catalog) -> tuple[frozenset[str], Matrix]:
    """Delete videos of the index in one commit; return their tracks and templates."""
    generation = read_generation(catalog.root, MODEL_ID, catalog.dim)
    assert generation is not None
    step = generation.videos.num_rows // (CHANGED // TRACKS_A_VIDEO)
    videos = generation.videos["video_id"].to_pylist()[::step][: CHANGED // TRACKS_A_VIDEO]
    rows = catalog.tracks(["track_id", "template"], video_ids=videos)
    begun = time.perf_counter()
    catalog.table("videos").delete("video_id IN ({})".format(", ".join(f"'{v}'" for v in videos)))
    print(f"deleted {rows.num_rows} tracks in {time.perf_counter() - begun:.1f} s")
    templates = rows["template"].combine_chunks().flatten().to_numpy().reshape(-1, catalog.dim)
    return frozenset(rows["track_id"].to_pylist()), templates


def refresh(change: str, searcher: TrackSearcher) -> None:
    begun = time.perf_counter()
    searcher.refresh()
    print(f"{change}: visible to a searcher after {time.perf_counter() - begun:.2f} s")


def check_found(searcher: TrackSearcher, templates: Matrix) -> None:
    found = sum(
        float(searcher.search(vector[None], 1)[0].similarities[0]) > 1 - 1e-6
        for vector in templates
    )
    print(f"of {len(templates)} added tracks {found} are the first hit of their own template")


def check_gone(searcher: TrackSearcher, deleted: tuple[frozenset[str], Matrix]) -> None:
    ids, templates = deleted
    found = sum(
        not ids.isdisjoint(searcher.search(vector[None], 100)[0].ids) for vector in templates
    )
    print(f"of {len(templates)} deleted tracks' templates {found} find a deleted track")


def timed_search(label: str, searcher: TrackSearcher, queries: Matrix) -> None:
    for query in queries[:20]:
        searcher.search(query[None], 100)
    seconds = []
    for query in queries:
        begun = time.perf_counter()
        searcher.search(query[None], 100)
        seconds.append(time.perf_counter() - begun)
    p50, p99 = np.percentile(np.array(seconds) * 1e3, [50, 99])
    print(f"{label}: p50 {p50:.2f} ms, p99 {p99:.2f} ms", flush=True)
