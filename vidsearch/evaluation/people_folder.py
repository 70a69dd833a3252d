"""Folder of an evaluation data set that has one sub-folder of photos per person."""

from __future__ import annotations

from pathlib import Path

from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import LeftOutInputs
from vidsearch.media.endings import SOURCE_PHOTO_ENDINGS
from vidsearch.photo.people_folders import PeopleFolders, find_people
from vidsearch.text.printable import printable


def read_people_folder(
    folder: Path, left_out: LeftOutInputs, owner: str = "a person"
) -> PeopleFolders:
    """List the photos of a folder that has one sub-folder per person.

    Args:
        folder: The folder.
        left_out: Takes entries that cannot be read, photos that lie in no folder of a person, and
            counts of hidden and system files.
        owner: The owner of a sub-folder in reasons.

    Raises:
        ConfigError: The folder cannot be read.
    """
    try:
        found = find_people(folder, SOURCE_PHOTO_ENDINGS, sniff=True)
    except OSError as error:
        raise ConfigError(
            f"{printable(str(folder))} cannot be read ({error.strerror}); check the path"
        ) from error
    for path in found.others.outside:
        left_out.add("photo", f"in no folder of {owner}", path)
    for path, reason in found.others.unreadable.items():
        left_out.add("entry", reason, path)
    for rule, count in found.others.excluded.items():
        left_out.add("file", "excluded by default", rule, count, remark=True)
    return found
