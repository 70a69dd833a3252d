"""Index a folder of videos, and search it by photo.

Run it as ``python examples/index_and_search.py CATALOG VIDEOS PHOTO``.
"""

from __future__ import annotations

import sys

from pipelines import ClusterConfig, IndexConfig, index
from vidsearch import Archive


def main(catalog: str, videos: str, photo: str) -> None:
    """Index new videos, then print every likely appearance of the person in the photo."""
    # More workers start a local Dask cluster, in which a crash of a decoder costs one process.
    report = index(catalog, [videos], IndexConfig(), cluster=ClusterConfig(workers=1))
    print(f"{report.indexed} videos indexed, {report.skipped} indexed before")
    for failure in report.failures:
        print(f"failed: {failure.source.uri}: {failure.message}")

    archive = Archive.open(catalog)
    for hit in archive.search([photo]).hits:
        if hit.confidence >= 0.5:
            span = f"{hit.span.start_s:.1f} s to {hit.span.end_s:.1f} s"
            print(f"{hit.confidence:.3f}  {hit.video}  {span}")
    print(f"searched {archive.status().tracks} tracks")


if __name__ == "__main__":
    main(*sys.argv[1:])
