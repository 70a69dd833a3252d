"""vidsearch: find every appearance of a person in a video archive from one photo.

Example:
    Index a folder into a catalog (made if it is new), and search it::

        from vidsearch import Catalog
        from pipelines import index

        index("my-catalog", ["/videos"])
        hits = Catalog.open("my-catalog").search(["photo.jpg"]).hits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidsearch.catalog import Catalog

__version__ = "0.1.0"
__all__ = ["Catalog", "__version__"]


def __getattr__(name: str) -> Any:
    """Load ``Catalog`` on first use: ``import vidsearch`` must stay fast."""
    if name == "Catalog":
        from vidsearch.catalog import Catalog

        return Catalog
    raise AttributeError(f"module 'vidsearch' has no attribute {name!r}")
