"""Files whose names a share presents in another spelling (Unicode NFC or NFD) than before.

macOS and some network drives change the letters of names: the same file then has another path. Its
row gets the new path, so that the file is neither read again nor listed twice, and opens by the
bytes that it has now.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.records import KnownFile
from vidsearch.catalog.schema import file_rows
from vidsearch.catalog.tables import sql_text
from vidsearch.text.names import composed, is_remote_name, portable_name

_PATHS_PER_STATEMENT = 200


def adopt_spellings(catalog: Catalog, uris: Collection[str]) -> int:
    """Give known files the spelling in which they were found now; return their number.

    A file that still exists under its former spelling is another file and stays.

    Args:
        catalog: The catalog.
        uris: Paths and URIs of the files found.

    Raises:
        CatalogConflictError: Other writers committed first for two minutes.
        CatalogWriteError: The catalog cannot be written.
    """
    present = {uri for uri in uris if not uri.isascii() and not is_remote_name(uri)}
    if not present:
        return 0
    known_files = catalog.known_files()
    former: dict[str, list[KnownFile]] = defaultdict(list)
    for file in known_files.values():
        if not (file.uri.isascii() or is_remote_name(file.uri) or file.uri in present):
            former[composed(file.uri)].append(file)
    respelled: dict[str, KnownFile] = {}
    for uri in present - known_files.keys():
        for file in former.get(composed(uri), ()):
            if not _is_another_file(file.uri, uri):
                respelled[file.uri] = KnownFile(uri, file.size, file.mtime_ns, file.video_id)
    if not respelled:
        return 0
    table = catalog.table("files")
    table.merge(file_rows(respelled.values()), "uri", "true")
    stored = sorted(map(portable_name, respelled))
    for start in range(0, len(stored), _PATHS_PER_STATEMENT):
        paths = ", ".join(map(sql_text, stored[start : start + _PATHS_PER_STATEMENT]))
        table.delete(f"uri IN ({paths})")
    return len(respelled)


def _is_another_file(former: str, present: str) -> bool:
    try:
        return os.path.lexists(former) and not os.path.samefile(former, present)  # noqa: PTH121
    except OSError:
        return True
