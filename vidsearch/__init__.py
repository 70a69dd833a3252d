"""vidsearch: find every appearance of a person in a video archive from one photo.

Example:
    Index a folder into a catalog (created on first use), and search it::

        from vidsearch import Archive
        from pipelines import index

        index("my-catalog", ["/videos"])
        hits = Archive.open("my-catalog").search(["photo.jpg"]).hits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidsearch.version import __version__

if TYPE_CHECKING:
    from vidsearch.archive import Archive
    from vidsearch.catalog import Catalog
    from vidsearch.search.search import SearchOptions


__all__ = ["Archive", "Catalog", "SearchOptions", "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public class on first use, so that ``import vidsearch`` stays fast."""
    if name == "Archive":
        from vidsearch.archive import Archive

        return Archive
    if name == "Catalog":
        from vidsearch.catalog import Catalog

        return Catalog
    if name == "SearchOptions":
        from vidsearch.search.search import SearchOptions

        return SearchOptions
    raise AttributeError(f"module 'vidsearch' has no attribute {name!r}")
