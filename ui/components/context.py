"""What all sessions share, and what belongs to one: nothing of one is ever seen in another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from ui.components.markup import markdown
from ui.service import allowed_folders as places
from ui.service import shared
from ui.service.clip_cache import ClipCutter
from ui.service.jobs import Indexers
from ui.service.searching import ArchiveSearcher
from ui.service.settings import UiSettings
from vidsearch.catalog import Catalog
from vidsearch.errors import VidsearchError


def settings() -> UiSettings:
    return UiSettings.from_environment(os.environ)


def catalog() -> Catalog:
    return shared.catalog(settings().catalog)


def searcher() -> ArchiveSearcher:
    return shared.searcher(settings().catalog)


def cutter() -> ClipCutter:
    return shared.cutter()


def indexers() -> Indexers:
    return shared.indexers()


def readable() -> tuple[str, ...]:
    """Return the folders below which reports and training runs may be opened."""
    return places.readable(settings().catalog, settings().roots)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Show our own errors as one line, without a traceback."""
    try:
        yield
    except VidsearchError as error:
        st.error(markdown(str(error)), icon=":material/error:")
    except OSError as error:
        st.error(markdown(str(error)), icon=":material/error:")
