"""Erasing a video for good: its rows, faces and vectors, their history, and the proof of it.

A deletion hides rows at once, but the files that held them stay for readers of old versions, the
tables' logs name what was deleted, and the index holds its vectors until the next build. All of
that goes too, so no other command may have the catalog open in mid-search, and old versions of the
tables can no longer be read. Copies outside are not reached: backups, and the index of a catalog in
an object store that another machine copied, which its next search there replaces.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog.tables import sql_text
from vidsearch.catalog.versions import discard_staged, remove_superseded
from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogError, ConfigError
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line

if TYPE_CHECKING:
    from vidsearch.catalog.catalog import Catalog

RECEIPTS = "receipts"
_RUNS = "runs"
IDS_A_STATEMENT = 500
_QUERIES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased, and what was searched to prove it; names no file and no person.

    Attributes:
        video_id: Hash of the erased content.
        erased_at: ISO 8601, UTC.
        rows: Erased rows by table.
        log_lines: Erased lines of the runs' event logs.
        files_searched: Files of the catalog that were read after erasing.
        tracks_searched: Tracks that were searched for the erased ones.
        found: Traces found by that search; always 0, or there is no receipt.
    """

    video_id: str
    erased_at: str
    rows: dict[str, int]
    log_lines: int
    files_searched: int
    tracks_searched: int
    found: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """What must be nowhere afterwards.

    Attributes:
        texts: Ids, places.
        track_ids: Those of its tracks.
        templates: (N, D) float32, its tracks'.
        vectors: The bytes of those that nothing else has as well.
        names: Of erased people: whole values in tables, too short to be sought in all bytes.
    """

    texts: tuple[bytes, ...]
    track_ids: frozenset[str]
    templates: Matrix
    vectors: frozenset[bytes]
    names: tuple[str, ...] = ()


def forget(catalog: Catalog, video_id: str) -> Receipt:
    """Erase a video and prove it.

    Args:
        catalog: The catalog; nothing should be indexing into it meanwhile.
        video_id: Hash of its content, as ``search --json`` and the table ``videos`` give it.

    Returns:
        The receipt, also written to ``receipts/`` in the catalog.

    Raises:
        ConfigError: No such video, or the catalog is in a bucket that keeps versions.
        CatalogError: Something is left; the message says where.
        CatalogWriteError: The catalog cannot be written.
    """
    from vidsearch.search.track_index import rebuild
    from vidsearch.storage.local_copies import remove_local_copies

    require_erasable(catalog)
    if catalog.videos(["video_id"], [video_id]).num_rows:
        traces = _traces(catalog, video_id)
    else:  # erased in part by a call that found something left, or never there
        traces = trace_of_id(catalog, video_id)
        if not video_id or search_files(catalog, traces)[1] is None:
            raise ConfigError(
                f"--video {video_id!r} is not in the catalog {catalog.uri!r}; take video_id from "
                "'vidsearch search --json'"
            )
    remove_other_vectors(catalog)
    rows = _delete_rows(catalog, video_id)
    for name in catalog.table_names:
        catalog.table(name).drop_history()
    rebuild(catalog)
    remove_old_indexes(catalog.vectors)
    remove_local_copies(catalog.vectors)
    lines = _redact_logs(catalog.root, traces)
    searched = prove(catalog, traces)
    receipt = Receipt(
        video_id=video_id,
        erased_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=rows,
        log_lines=lines,
        files_searched=searched[0],
        tracks_searched=searched[1],
    )
    name = f"forget-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{video_id[:8]}.json"
    place = catalog.root.child(RECEIPTS).child(name)
    place.write((json.dumps(asdict(receipt), indent=2) + "\n").encode())
    return receipt


def require_erasable(catalog: Catalog) -> None:
    """Check that what is removed from the catalog's place is gone.

    Raises:
        ConfigError: It is in a bucket that keeps versions.
        CatalogError: Whether it does cannot be found out.
    """
    try:
        keeps = catalog.root.keeps_versions()
    except OSError as error:
        raise CatalogError(
            f"whether the bucket of {catalog.uri!r} keeps versions cannot be found out "
            f"({one_line(error)}); allow s3:GetBucketVersioning to this user"
        ) from error
    if keeps:
        raise ConfigError(
            f"the bucket of the catalog {catalog.uri!r} keeps versions of what is removed; copy "
            "the catalog to one without, forget there, and remove the original with its versions"
        )


def trace_of_id(catalog: Catalog, identity: str) -> Traces:
    """Return what is known of something that has no rows any more: its id."""
    nothing = np.zeros((0, catalog.dim), np.float32)
    return Traces((identity.encode("utf-8", "surrogateescape"),), frozenset(), nothing, frozenset())


def _traces(catalog: Catalog, video_id: str) -> Traces:
    uris = catalog.videos(["uri"], [video_id])["uri"].to_pylist()
    uris += catalog.locations([video_id])[video_id]
    ids = catalog.tracks(["track_id"], video_ids=[video_id])["track_id"].to_pylist()
    found, templates = catalog.snapshot().templates(catalog.dim)
    mine = np.asarray(pc.is_in(found["track_id"], value_set=pa.array(ids, pa.string())), np.bool_)
    vectors = {row.tobytes() for row in templates[mine]}
    vectors -= {row.tobytes() for row in templates[~mine]}
    texts = {video_id, *ids, *uris}
    # JSON and URLs write some characters otherwise.
    texts |= {json.dumps(uri)[1:-1] for uri in uris}
    return Traces(
        tuple(sorted(text.encode("utf-8", "surrogateescape") for text in texts)),
        frozenset(ids),
        templates[mine],
        frozenset(vectors),
    )


def _delete_rows(catalog: Catalog, video_id: str) -> dict[str, int]:
    """Delete from every table, ``videos`` first: from then on nothing of it counts."""
    tracks = catalog.tracks(["track_id"], video_ids=[video_id])["track_id"].to_pylist()
    this = f"video_id = {sql_text(video_id)}"
    rows = {name: catalog.table(name).delete(this) for name in ("videos", "files", "faces")}
    rows["tracks"] = catalog.table("tracks").delete(this)
    rows["verdicts"] = 0
    for start in range(0, len(tracks), IDS_A_STATEMENT):
        some = ", ".join(map(sql_text, tracks[start : start + IDS_A_STATEMENT]))
        rows["verdicts"] += catalog.table("verdicts").delete(f"track_id IN ({some})")
    return rows


def remove_other_vectors(catalog: Catalog) -> None:
    """Remove vectors that another model made, or is about to make: the video's are among them."""
    remove_superseded(catalog)
    discard_staged(catalog)


def remove_old_indexes(place: StoragePath) -> None:
    """Remove every generation of the index but the one in use: they hold what was erased."""
    from vidsearch.index.generations import current_name

    home = place.child("index")
    for name in home.names():
        if name.startswith("gen-") and name != current_name(place):
            home.child(name).remove_tree()


def _redact_logs(place: StoragePath, traces: Traces) -> int:
    """Remove the lines of the event logs that name the video."""
    removed = 0
    runs = place.child(_RUNS)
    for name in runs.names():
        lines = runs.child(name).read().splitlines(keepends=True)
        kept = [line for line in lines if not any(text in line for text in traces.texts)]
        if len(kept) < len(lines):
            removed += len(lines) - len(kept)
            runs.child(name).write(b"".join(kept))
    return removed


def prove(catalog: Catalog, traces: Traces) -> tuple[int, int]:
    """Search every file of the catalog, and the index; return how many files and tracks.

    Raises:
        CatalogError: Something is left.
    """
    searched, left = search_files(catalog, traces)
    if left is not None:
        raise CatalogError(
            f"{left!r} still holds something of what was erased; wait until nothing is indexed "
            "into this catalog any more, remove that file if it is not the catalog's own, and "
            "repeat the command"
        )
    return searched, _prove_by_search(catalog, traces)


def search_files(catalog: Catalog, traces: Traces) -> tuple[int, str | None]:
    """Return how many files were read, and the first that holds a trace."""
    receipts = catalog.root.child(RECEIPTS).uri + "/"
    files = [file for file in catalog.root.files() if not file.uri.startswith(receipts)]
    for file in files:
        content = file.read()
        if any(trace in content for trace in (*traces.texts, *traces.vectors)) or (
            file.uri.endswith(".parquet") and _in_parquet(content, traces)
        ):
            return len(files), file.uri
    return len(files), None


def _prove_by_search(catalog: Catalog, traces: Traces) -> int:
    """Search with every erased template; return how many tracks were searched.

    Raises:
        CatalogError: An erased track is found.
    """
    from vidsearch.search.track_index import TrackSearcher

    searcher = TrackSearcher(catalog)
    for start in range(0, len(traces.templates), _QUERIES):
        for hits in searcher.search(traces.templates[start : start + _QUERIES], k=100):
            if not traces.track_ids.isdisjoint(hits.ids):
                raise CatalogError(
                    f"a search of {catalog.uri!r} still finds what was erased: another run indexed "
                    "it again; end that run and repeat the command"
                )
    return len(searcher)


def _in_parquet(content: bytes, traces: Traces) -> bool:
    """Look into a compressed file: the texts anywhere in it, the templates in their column."""
    import pyarrow.parquet as pq

    words = [text.decode() for text in traces.texts if _is_utf8(text)]
    texts = pa.array([*words, *traces.names], pa.string())
    file = pq.ParquetFile(pa.BufferReader(content))
    for batch in file.iter_batches(batch_size=2048):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            kind = column.type
            if pa.types.is_string(kind) or pa.types.is_large_string(kind):
                if pc.any(pc.is_in(column.cast(pa.string()), value_set=texts)).as_py():
                    return True
            elif name == "template":
                flat = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
                if any(row.tobytes() in traces.vectors for row in flat):
                    return True
            elif pa.types.is_struct(kind) or pa.types.is_map(kind):  # a checkpoint of the log
                told = str(column.to_pylist()).encode("utf-8", "surrogateescape")
                if any(text in told for text in traces.texts):
                    return True
    return False


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
