"""Verification sets: which pictures are compared with which, and whether they show one person."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.protocols.lines import file_sha256, malformed, read_lines
from vidsearch.media.endings import PHOTO_ENDINGS
from vidsearch.storage.safe_pickle import load_plain_pickle
from vidsearch.text.printable import printable

_VIDEO = re.compile(r"[^/\s\0]{1,60}/[^/\s\0]{1,60}")
_NAME = re.compile(r"[^/\0]{1,60}")  # longer ones are no names of files
_COUNT = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class PairSet:
    """A verification protocol.

    Attributes:
        name: As reports call it.
        items: What is compared: each a tuple of pictures (one, or the frames of a video), a picture
            being a path or the content of a file.
        names: One per item.
        first: (N,) rows of ``items``.
        second: (N,) rows of ``items``.
        issame: (N,) True for genuine pairs.
        people: (N, 2) names of the two people; None where the set does not say.
        folds: How many consecutive folds.
        aligned: Whether pictures are faces aligned to the 112 x 112 template already.
        data: sha256 by file name.
    """

    name: str
    items: tuple[tuple[Path | bytes, ...], ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    issame: NDArray[np.bool_]
    people: tuple[tuple[str, str], ...] | None = field(repr=False)
    folds: int
    aligned: bool
    data: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """Return a name for every pair, the same in every report on this set."""
        return [
            f"{self.names[a]}|{self.names[b]}#{row}"
            for row, (a, b) in enumerate(zip(self.first, self.second, strict=True))
        ]


def read_bin(path: Path, folds: int = 10) -> PairSet:
    """Read a ``.bin`` set (LFW, CFP-FP, AgeDB-30, CALFW, CPLFW as distributed with InsightFace).

    A pickled pair: a list of encoded pictures, and a list that says of pictures 2i and 2i + 1
    whether they show one person.

    Raises:
        ConfigError: It is refused, damaged, or holds something else.
    """
    content = load_plain_pickle(path, encoding="bytes")
    shown = printable(str(path))
    if not (isinstance(content, tuple | list) and len(content) == 2):
        raise ConfigError(f"{shown} must hold (pictures, issame); got {type(content).__name__}")
    pictures, labels = content
    if not isinstance(pictures, list | tuple | np.ndarray):
        raise ConfigError(f"{shown} must hold a list of pictures; got {type(pictures).__name__}")
    flags = _flags(labels, shown)
    try:
        blobs = [_picture_bytes(picture) for picture in pictures]
    except TypeError as error:
        raise ConfigError(f"{shown}: {error}") from None
    if len(blobs) != 2 * len(flags) or not blobs:
        raise ConfigError(
            f"{shown} must hold two pictures a pair; got {len(blobs)} pictures for {len(flags)} "
            "pairs"
        )
    rows = np.arange(0, len(blobs), 2)
    return PairSet(
        name=path.stem,
        items=tuple((blob,) for blob in blobs),
        names=tuple(f"picture {row}" for row in range(len(blobs))),
        first=rows,
        second=rows + 1,
        issame=flags,
        people=None,
        folds=folds,
        aligned=True,
        data={path.name: file_sha256(path)},
    )


def _flags(labels: Any, shown: str) -> NDArray[np.bool_]:
    listed = isinstance(labels, list | tuple | np.ndarray)
    try:
        flags = np.asarray(labels) if listed else np.empty(())
    except ValueError:  # lists of unequal length
        flags = np.empty(())
    if flags.ndim != 1 or flags.dtype.kind not in "biu" or not np.isin(flags, (0, 1)).all():
        raise ConfigError(f"{shown}: issame must be a list of True and False")
    return flags.astype(bool)


def _picture_bytes(picture: Any) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
        return picture.tobytes()
    raise TypeError(f"a picture must be the bytes of a file; got {type(picture).__name__}")


def read_lfw_pairs(pairs: Path, photos: Path) -> PairSet:
    """Read LFW's ``pairs.txt`` over its folder of photos.

    First line: folds and pairs of each kind a fold (or only the latter, for one fold). Then
    ``name i j`` for a genuine pair and ``name i name j`` for an impostor pair, tab-separated.

    Raises:
        ConfigError: A malformed line, or not as many as the first promises.
    """
    lines = read_lines(pairs)
    number, header = next(lines, (1, ""))
    fields = header.split()
    if not (1 <= len(fields) <= 2 and all(_COUNT.fullmatch(field) for field in fields)):
        malformed(pairs, number, header, "the number of folds and of pairs of each kind a fold")
    folds, each = (int(fields[0]), int(fields[1])) if len(fields) == 2 else (1, int(fields[0]))
    rows: dict[tuple[str, int], int] = {}
    found: list[tuple[int, int, bool, str, str]] = []
    for number, line in lines:
        a, b = _lfw_pair(pairs, number, line)
        same = a[0] == b[0]
        indices = [rows.setdefault(side, len(rows)) for side in (a, b)]
        found.append((indices[0], indices[1], same, a[0], b[0]))
    if len(found) != 2 * folds * each or not found:
        raise ConfigError(
            f"{printable(str(pairs))} promises {2 * folds * each} pairs ({folds} folds of {each} "
            f"genuine and {each} impostor); got {len(found)}"
        )
    if not photos.is_dir():
        raise ConfigError(f"{printable(str(photos))} is no folder; name the folder of LFW's photos")
    names = [f"{name}/{name}_{index:04d}.jpg" for name, index in rows]
    first, second, issame = (np.array(column) for column in list(zip(*found, strict=True))[:3])
    return PairSet(
        name="LFW",
        items=tuple((photos / name,) for name in names),
        names=tuple(names),
        first=first,
        second=second,
        issame=issame,
        people=tuple((line[3], line[4]) for line in found),
        folds=folds,
        aligned=False,
        data={pairs.name: file_sha256(pairs)},
    )


def _lfw_pair(path: Path, number: int, line: str) -> tuple[tuple[str, int], tuple[str, int]]:
    fields = line.split("\t") if "\t" in line else line.split()
    expected = "'name i j' (one person) or 'name i name j' (two people), tab-separated"
    if len(fields) == 3:
        fields = [fields[0], fields[1], fields[0], fields[2]]
    elif len(fields) != 4 or fields[0] == fields[2]:
        malformed(path, number, line, expected)
    for name, index in ((fields[0], fields[1]), (fields[2], fields[3])):
        if not _NAME.fullmatch(name) or name in (".", "..") or not _COUNT.fullmatch(index):
            malformed(path, number, line, expected)
    return (fields[0], int(fields[1])), (fields[2], int(fields[3]))


def read_ytf(splits: Path, videos: Path, folds: int = 10) -> PairSet:
    """Read YouTube Faces' ``splits.txt`` over its folder ``<person>/<video>/<frame>.jpg``.

    Each line: fold, number of the pair, first video, second video (``person/number``), 1 for one
    person or 0; comma-separated; a heading line may come first. In ``splits_corrected.txt`` a sixth
    field has the corrected label, and that one counts. Folds must be consecutive.

    Source:
        Wolf et al. 2011, ``splits.txt``; the sixth field as public evaluations of it read it.

    Raises:
        ConfigError: A malformed line, an unknown video, or a video without a frame.
    """
    rows: dict[str, int] = {}
    found: list[tuple[int, int, bool, str, str]] = []
    numbers: list[int] = []
    for number, line in read_lines(splits):
        fields = [field.strip() for field in line.split(",")]
        if number == 1 and not _COUNT.fullmatch(fields[0]):
            continue
        expected = "'fold, pair, person/video, person/video, 0 or 1'"
        counted = all(_COUNT.fullmatch(field) for field in fields[:2])
        if len(fields) not in (5, 6) or not counted or not {*fields[4:]} <= {"0", "1"}:
            malformed(splits, number, line, expected)
        videos_here = fields[2:4]
        if not all(_VIDEO.fullmatch(video) and ".." not in video for video in videos_here):
            malformed(splits, number, line, expected)
        if numbers and int(fields[0]) < numbers[-1]:
            malformed(splits, number, line, "folds one after the other")
        numbers.append(int(fields[0]))
        a, b = (rows.setdefault(video, len(rows)) for video in videos_here)
        people = [video.partition("/")[0] for video in videos_here]
        found.append((a, b, fields[-1] == "1", people[0], people[1]))
    sizes = np.unique(numbers, return_counts=True)[1]
    if len(sizes) != folds or len(set(sizes.tolist())) != 1:
        raise ConfigError(
            f"{printable(str(splits))} must hold {folds} folds of equal size; got {sizes.tolist()}"
        )
    first, second, issame = (np.array(column) for column in list(zip(*found, strict=True))[:3])
    return PairSet(
        name="YTF",
        items=tuple(_frames(videos, name) for name in rows),
        names=tuple(rows),
        first=first,
        second=second,
        issame=issame,
        people=tuple((line[3], line[4]) for line in found),
        folds=folds,
        aligned=False,
        data={splits.name: file_sha256(splits)},
    )


def _frames(videos: Path, name: str) -> tuple[Path, ...]:
    folder = videos / name
    if not folder.is_dir():
        raise ConfigError(f"video {printable(name)!r} has no folder {printable(str(folder))}")
    frames = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_ENDINGS)
    if not frames:
        raise ConfigError(f"folder {printable(str(folder))} holds no picture; a video needs one")
    return tuple(frames)
