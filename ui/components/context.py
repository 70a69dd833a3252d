"""Objects that pages use: settings, catalog, searcher, clips; and the display of errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from ui.components.markup import markdown
from ui.service import allowed_folders, shared
from ui.service.clip_cache import ClipCutter
from ui.service.jobs import Indexers
from ui.service.searching import ArchiveSearcher
from ui.service.settings import UiSettings
from vidsearch.catalog import Catalog
from vidsearch.errors import VidsearchError


def settings() -> UiSettings:
    """Return the settings of the app."""
    return UiSettings.from_environment(os.environ)


def catalog() -> Catalog:
    """Return the catalog of the app."""
    return shared.catalog(settings().catalog)


def searcher() -> ArchiveSearcher:
    """Return the searcher of the catalog."""
    return shared.searcher(settings().catalog)


def cutter() -> ClipCutter:
    """Return the clip cutter of the server."""
    return shared.cutter()


def indexers() -> Indexers:
    """Return the indexing processes of the server."""
    return shared.indexers()


def readable_folders() -> tuple[str, ...]:
    """Return the folders below which reports and training runs may be opened."""
    return allowed_folders.readable_folders(settings().catalog, settings().roots)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error of the block as one line, without a traceback."""
    try:
        yield
    except VidsearchError as error:
        st.error(markdown(str(error)), icon=":material/error:")
    except OSError as error:
        st.error(markdown(str(error)), icon=":material/error:")
