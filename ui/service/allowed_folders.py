"""Folders on the server that the app may open: below the given roots, and where reports lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ui.service.jobs import inside_roots
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable
from vidsearch.video.source import is_remote

DEFAULTS = ("reports", "runs")
"""Folders beside the catalog and in the working directory that are looked through unasked."""

_PARTS = ("tables", "figures", "pictures")
_DEEPEST = 5
_MOST_FOLDERS = 4000


def readable(catalog: str, roots: Sequence[str], here: Path | None = None) -> tuple[str, ...]:
    """Return the folders below which reports and training runs may be opened.

    Args:
        catalog: Folder or address of the catalog.
        roots: Given when the app was started.
        here: Working directory; default: the process's.
    """
    beside = [] if is_remote(catalog) else [Path(catalog).resolve().parent]
    wanted = [base / name for base in (*beside, here or Path.cwd()) for name in DEFAULTS]
    # The event logs of a catalog lie in a folder 'runs' of its own: no training runs.
    own = Path(catalog).resolve() / "runs" if not is_remote(catalog) else None
    found = [str(place.resolve()) for place in wanted if place.is_dir() and place.resolve() != own]
    return tuple(dict.fromkeys((*(str(Path(root).resolve()) for root in roots), *found)))


def folders_with(file: str, places: Sequence[str]) -> tuple[Path, ...]:
    """Return the folders below the places that hold a file of this name, the newest file first.

    Links are not followed, and hidden folders, folders deep down and more than a few thousand are
    not looked at.
    """
    found: dict[Path, float] = {}
    waiting = [(Path(place), 0) for place in places]
    looked = 0
    while waiting and looked < _MOST_FOLDERS:
        folder, depth = waiting.pop(0)
        looked += 1
        try:
            entries = list(folder.iterdir())
            mark = folder / file
            if mark.is_file():
                found[folder] = mark.stat().st_mtime
            inner = [e for e in entries if not e.name.startswith(".") and not e.is_symlink()]
            if depth < _DEEPEST:
                waiting += [(entry, depth + 1) for entry in sorted(inner) if entry.is_dir()]
        except OSError:
            continue  # gone meanwhile, or not ours to read
    return tuple(sorted(found, key=lambda folder: (-found[folder], str(folder))))


def opened(folder: str, places: Sequence[str]) -> Path:
    """Return the real path of a folder that may be opened.

    Raises:
        ConfigError: It is in none of the places, is not there, or holds links, which could lead
            anywhere.
    """
    if not places:
        raise ConfigError(
            f"'{printable(folder)}' may not be opened: start the app with --root FOLDER, or keep "
            "reports and runs in 'reports' or 'runs' beside the catalog"
        )
    place = inside_roots(folder, places)
    try:
        inner = [place, *(place / name for name in _PARTS if (place / name).is_dir())]
        links = [entry for part in inner for entry in part.iterdir() if entry.is_symlink()]
    except OSError as error:
        raise ConfigError(f"'{printable(folder)}' cannot be read ({error.strerror})") from error
    if links:
        raise ConfigError(
            f"'{printable(str(links[0]))}' is a link, which could lead out of the folders that "
            "may be opened; put the file itself there"
        )
    return place
