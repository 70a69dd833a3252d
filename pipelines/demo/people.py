"""People of the demo: real faces from photos that installed packages ship.

``insightface`` carries a group photo and a portrait, ``scikit-image`` the astronaut Eileen Collins,
``matplotlib`` the admiral Grace Hopper. The files are found without importing the packages and are
never copied into this project.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vidsearch.datatypes import Image
from vidsearch.errors import PhotoError
from vidsearch.photo.open import read_photo

PICTURES = {
    "group": ("insightface", "data/images/t1.jpg"),
    "portrait": ("insightface", "data/images/Tom_Hanks_54745.png"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "admiral": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
}

_DISTRIBUTIONS = {"skimage": "scikit-image"}


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the demo.

    Attributes:
        name: Name for display.
        picture: Key of ``PICTURES``.
        face_xyxy: Box of the face in that photo, pixels.
        slug: File name of the query photo, without ending.
    """

    name: str
    picture: str
    face_xyxy: tuple[float, float, float, float]
    slug: str


PEOPLE = (
    Person("Eileen Collins, astronaut", "astronaut", (170, 70, 275, 200), "astronaut"),
    Person("Tom Hanks", "portrait", (12, 8, 100, 108), "tom-hanks"),
    Person("card player with long hair", "group", (62, 262, 166, 405), "long-hair"),
    Person("card player in lace", "group", (268, 140, 378, 272), "lace"),
    Person("card player in dark shirt", "group", (470, 250, 578, 408), "dark-shirt"),
    Person("card player in red shirt", "group", (750, 325, 852, 462), "red-shirt"),
    Person("card player, standing", "group", (905, 55, 1012, 212), "standing"),
    Person("card player with blonde hair", "group", (1130, 270, 1228, 408), "blonde"),
)

PUBLIC_DOMAIN = (
    PEOPLE[0],
    Person("Grace Hopper, admiral", "admiral", (175, 132, 357, 336), "admiral"),
)
"""People whose photos are in the public domain: works of NASA and of the United States Navy."""


def load_pictures(names: Collection[str] = tuple(PICTURES)) -> dict[str, Image]:
    """Return photos as (H, W, 3) uint8 RGB.

    Args:
        names: Keys of ``PICTURES``.

    Raises:
        PhotoError: A package is not installed or no longer ships the photo.
    """
    return {name: _read(*source) for name, source in PICTURES.items() if name in names}


def _read(package: str, relative: str) -> Image:
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        path = Path(folder) / relative
        if path.is_file():
            return read_photo(path)
    raise PhotoError(
        f"the demo needs {relative} of the package {package}; "
        f"run: pip install --force-reinstall --no-deps {_DISTRIBUTIONS.get(package, package)}"
    )
