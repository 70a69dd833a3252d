"""Folders of people: every photo belongs to one person, also where links cross the folders."""

from __future__ import annotations

from pathlib import Path

from vidsearch.photo.people_folders import PeopleFolders, find_people

ENDINGS = frozenset({".jpg"})


def planted(folder: Path, *photos: str) -> Path:
    for photo in photos:
        (folder / photo).parent.mkdir(parents=True, exist_ok=True)
        (folder / photo).write_bytes(photo.encode())
    return folder


def photos_of(found: PeopleFolders, folder: Path) -> dict[str, list[str]]:
    """Return the photos of every person, below the folder."""
    photos: dict[str, list[str]] = {person: [] for person in found.people}
    for photo in found.photos:
        photos[photo.person].append(str(Path(photo.path).relative_to(folder)))
    return photos


def test_a_link_to_an_upper_folder_takes_no_photo_from_other_people(tmp_path: Path) -> None:
    folder = planted(tmp_path / "raw", "Ann/1.jpg", "Ann/old/2.jpg", "Bob/1.jpg", "Cy/1.jpg")
    (folder / "Ann" / "all").symlink_to("..")
    (folder / "Ann" / "old" / "loop").symlink_to(".")
    (folder / "Ann" / "friend").symlink_to("../Bob")
    found = find_people(folder, ENDINGS, sniff=False)
    assert photos_of(found, folder) == {
        "Ann": ["Ann/1.jpg", "Ann/old/2.jpg"],
        "Bob": ["Bob/1.jpg"],
        "Cy": ["Cy/1.jpg"],
    }
    assert found.others.without_photos == ()


def test_a_folder_is_read_under_its_own_name_and_not_under_that_of_a_link(tmp_path: Path) -> None:
    folder = planted(tmp_path / "raw", "Bob/1.jpg", "Bob/part/2.jpg")
    planted(tmp_path / "elsewhere", "3.jpg", "deep/4.jpg")
    (folder / "Alias of Bob").symlink_to("Bob")
    (folder / "Alias of a part").symlink_to("Bob/part")
    (folder / "Zoe").symlink_to("../elsewhere")
    (folder / "Empty").mkdir()
    (tmp_path / "elsewhere" / "back").symlink_to("../raw")
    found = find_people(folder, ENDINGS, sniff=False)
    assert {name: photos for name, photos in photos_of(found, folder).items() if photos} == {
        "Bob": ["Bob/1.jpg", "Bob/part/2.jpg"],
        "Zoe": ["Zoe/3.jpg", "Zoe/deep/4.jpg"],
    }
    assert found.others.without_photos == ("Alias of Bob", "Alias of a part", "Empty")
