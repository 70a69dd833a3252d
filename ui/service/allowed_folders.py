"""Folders on the server that the app may open: the given roots and the default report folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ui.service.jobs import inside_roots, is_inside
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable
from vidsearch.video.source import is_remote, local_path

DEFAULTS = ("reports", "runs")
"""Folders beside the catalog and in the working directory that may always be opened."""

_SUBFOLDERS = ("tables", "figures", "pictures")
_MAX_DEPTH = 5
_MAX_FOLDERS = 4000


def readable_folders(
    catalog: str, roots: Sequence[str], working_folder: Path | None = None
) -> tuple[str, ...]:
    """Return the folders below which reports and training runs may be opened.

    Args:
        catalog: Folder or address of the catalog.
        roots: Folders given when the app was started.
        working_folder: Working directory; None: that of the process.
    """
    beside = [] if is_remote(catalog) else [Path(catalog).resolve().parent]
    candidates = [
        base / name for base in (*beside, working_folder or Path.cwd()) for name in DEFAULTS
    ]
    # The folder 'runs' of a catalog holds event logs of indexing, not training runs.
    event_logs = Path(catalog).resolve() / "runs" if not is_remote(catalog) else None
    folders = [path.resolve() for path in candidates if path.is_dir()]
    defaults = [str(path) for path in folders if path != event_logs]
    return tuple(dict.fromkeys((*(str(Path(root).resolve()) for root in roots), *defaults)))


def folders_with(file: str, allowed: Sequence[str]) -> tuple[Path, ...]:
    """Return the allowed folders that hold a file of this name, the newest file first.

    Links are not followed. Hidden folders, folders deeper than five levels and more than 4,000
    folders are not searched.
    """
    found: dict[Path, float] = {}
    queue = [(Path(folder), 0) for folder in allowed]
    visited = 0
    while queue and visited < _MAX_FOLDERS:
        folder, depth = queue.pop(0)
        visited += 1
        try:
            entries = list(folder.iterdir())
            if (folder / file).is_file() and not (folder / file).is_symlink():
                found[folder] = (folder / file).stat().st_mtime
            searched = [e for e in entries if not e.name.startswith(".") and not e.is_symlink()]
            if depth < _MAX_DEPTH:
                queue += [(entry, depth + 1) for entry in sorted(searched) if entry.is_dir()]
        except OSError:
            continue  # removed meanwhile, or not readable
    return tuple(sorted(found, key=lambda folder: (-found[folder], str(folder))))


def require_playable(uri: str, roots: Sequence[str]) -> None:
    """Raise if the path of a video begins in an allowed folder and leads out of it.

    Such a path has a link or ``..`` in it. Videos that were indexed from other folders, which the
    app's pages cannot do, are shown. A file that is missing is not refused here.

    Args:
        uri: Path or URI of the video.
        roots: Folders given when the app was started.

    Raises:
        ConfigError: The path leads out of the folders.
    """
    if not roots or is_remote(uri):
        return
    path = local_path(uri)
    try:
        # The parts of the path as they are written, then the file that it really names.
        begins_inside = is_inside(path.absolute(), roots)
        leads_out = begins_inside and not is_inside(path.resolve(strict=True), roots)
    except FileNotFoundError:
        return
    except (OSError, ValueError, RuntimeError):
        leads_out = True
    if leads_out:
        raise ConfigError(
            f"'{printable(uri)}' leads out of the folders of --root "
            f"({printable(', '.join(roots))}); start the app with --root for its real folder too"
        )


def checked_folder(folder: str, allowed: Sequence[str]) -> Path:
    """Return the real path of a folder that may be opened.

    Raises:
        ConfigError: The folder is outside the allowed folders, does not exist, or holds links.
    """
    if not allowed:
        raise ConfigError(
            f"'{printable(folder)}' may not be opened: start the app with --root FOLDER, or keep "
            "reports and runs in 'reports' or 'runs' beside the catalog"
        )
    path = inside_roots(folder, allowed)
    try:
        searched = [path, *(path / name for name in _SUBFOLDERS if (path / name).is_dir())]
        links = [entry for part in searched for entry in part.iterdir() if entry.is_symlink()]
    except OSError as error:
        raise ConfigError(f"'{printable(folder)}' cannot be read ({error.strerror})") from error
    if links:
        raise ConfigError(
            f"'{printable(str(links[0]))}' is a link, which could lead out of the allowed "
            "folders; put the file itself there"
        )
    return path
