"""Tables of an archive: schema, transactional writes and consistent reads.

Example:
    Open a catalog and read its tables::

        from vidsearch.catalog import Catalog

        catalog = Catalog.open("my-archive")
        print(catalog.status().videos)
        frame = catalog.tracks(columns=["track_id", "start_s"]).to_pandas()
"""

from __future__ import annotations

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.records import IndexedVideo, KnownFile, VideoRecord, VideoStatus
from vidsearch.catalog.status import CatalogStatus, VideoProblem
from vidsearch.catalog.writer import CatalogWriter, WriterConfig

__all__ = [
    "Catalog",
    "CatalogStatus",
    "CatalogWriter",
    "IndexedVideo",
    "KnownFile",
    "VideoProblem",
    "VideoRecord",
    "VideoStatus",
    "WriterConfig",
]
