"""Search with several photos of one person; write the hits as CSV and as an HTML page.

Run it as ``python examples/search_and_export.py CATALOG PHOTO...``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vidsearch import Archive, SearchOptions
from vidsearch.results.as_csv import to_csv
from vidsearch.results.as_html import to_html


def main(catalog: str, *photos: str) -> None:
    """Write ``hits.csv`` and ``hits.html`` to the current folder."""
    options = SearchOptions(top=20, min_confidence=0.1, thumbnails=True)
    result = Archive.open(catalog).search(photos, options)
    Path("hits.csv").write_text(to_csv(result), encoding="utf-8", newline="")
    Path("hits.html").write_text(to_html(result), encoding="utf-8")
    print(f"{len(result.hits)} hits in hits.csv and hits.html")


if __name__ == "__main__":
    main(*sys.argv[1:])
