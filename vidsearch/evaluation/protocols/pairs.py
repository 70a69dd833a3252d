"""Verification sets: image or video pairs with their labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.verification import fold_rows
from vidsearch.evaluation.protocols.lines import file_sha256, malformed, read_lines, split_fields
from vidsearch.media.endings import PHOTO_ENDINGS
from vidsearch.storage.find_file import find_file
from vidsearch.storage.safe_pickle import load_plain_pickle
from vidsearch.text.printable import printable

_VIDEO = re.compile(r"[^/\s\0]{1,60}/[^/\s\0]{1,60}")
_NAME = re.compile(r"[^/\0]{1,60}")  # limits the length of a file name
_COUNT = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class PairSet:
    """A verification protocol.

    Attributes:
        name: Name in reports.
        items: Images or videos to compare. An item is one image, or the frames of a video; an image
            is a path or the content of a file.
        names: Name of each item.
        first: (N,) row in ``items`` of the first item of each pair.
        second: (N,) row in ``items`` of the second item of each pair.
        issame: (N,) True for genuine pairs.
        people: Names of the two people of each of the N pairs; None if the set does not name them.
        folds: Number of consecutive folds.
        fold_sizes: Number of pairs of each fold; empty: the folds are of equal size.
        aligned: True if the images are faces aligned to the 112 x 112 template.
        data: SHA-256 hash by file name.
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
    fold_sizes: tuple[int, ...] = ()

    @property
    def fold_rows(self) -> list[NDArray[np.intp]]:
        """Rows of the pairs of each fold, (F,) per fold."""
        sizes = self.fold_sizes if self.fold_sizes else self.folds
        return fold_rows(len(self.issame), sizes)

    def select(self, pairs: NDArray[np.bool_]) -> PairSet:
        """Return the set with some of its pairs; each pair stays in its fold.

        Args:
            pairs: (N,) True for pairs to keep.
        """
        if pairs.all():
            return self
        sizes = tuple(int(pairs[rows].sum()) for rows in self.fold_rows)
        kept_sizes = tuple(size for size in sizes if size)
        people = self.people
        if people is not None:
            people = tuple(both for both, keep in zip(people, pairs, strict=True) if keep)
        return replace(
            self,
            first=self.first[pairs],
            second=self.second[pairs],
            issame=self.issame[pairs],
            people=people,
            folds=len(kept_sizes),
            fold_sizes=kept_sizes,
        )

    @property
    def ids(self) -> list[str]:
        """Name of every pair, the same in every report on this set."""
        return [
            f"{self.names[a]}|{self.names[b]}#{row}"
            for row, (a, b) in enumerate(zip(self.first, self.second, strict=True))
        ]


def read_bin(path: Path, folds: int = 10) -> PairSet:
    """Read a ``.bin`` set (LFW, CFP-FP, AgeDB-30, CALFW, CPLFW as distributed with InsightFace).

    The file is a pickled pair: a list of encoded images, and a list of labels. Label i is True if
    images 2i and 2i + 1 show one person.

    Raises:
        ConfigError: The pickle is refused or damaged, or has other content.
    """
    content = load_plain_pickle(path, encoding="bytes")
    file_name = printable(str(path))
    if not (isinstance(content, tuple | list) and len(content) == 2):
        raise ConfigError(f"{file_name} must hold (images, issame); got {type(content).__name__}")
    images, labels = content
    if not isinstance(images, list | tuple | np.ndarray):
        raise ConfigError(f"{file_name} must hold a list of images; got {type(images).__name__}")
    flags = _flags(labels, file_name)
    try:
        blobs = [_image_bytes(image) for image in images]
    except TypeError as error:
        raise ConfigError(f"{file_name}: {error}") from None
    if len(blobs) != 2 * len(flags) or not blobs:
        raise ConfigError(
            f"{file_name} must hold two images per pair; got {len(blobs)} images for {len(flags)} "
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


def _flags(labels: Any, file_name: str) -> NDArray[np.bool_]:
    listed = isinstance(labels, list | tuple | np.ndarray)
    try:
        flags = np.asarray(labels) if listed else np.empty(())
    except ValueError:  # lists of unequal length
        flags = np.empty(())
    if flags.ndim != 1 or flags.dtype.kind not in "biu" or not np.isin(flags, (0, 1)).all():
        raise ConfigError(f"{file_name}: issame must be a list of True and False")
    return flags.astype(bool)


def _image_bytes(image: Any) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, np.ndarray) and image.dtype == np.uint8:
        return image.tobytes()
    raise TypeError(f"an image must be the bytes of a file; got {type(image).__name__}")


def read_lfw_pairs(pairs: Path, photos: Path) -> PairSet:
    """Read LFW's ``pairs.txt`` and locate its photos.

    The first line holds the number of folds and the number of pairs of each kind per fold (or only
    the latter, for one fold). Further lines are ``name i j`` for a genuine pair and
    ``name i name j`` for an impostor pair, tab-separated.

    Args:
        pairs: The file ``pairs.txt``.
        photos: Folder with ``<name>/<name>_<number>.jpg``.

    Raises:
        ConfigError: A malformed line, a number of pairs that differs from the first line, or a
            folder of photos that does not exist.
    """
    lines = read_lines(pairs)
    number, header = next(lines, (1, ""))
    fields = split_fields(header)
    if not (1 <= len(fields) <= 2 and all(_COUNT.fullmatch(field) for field in fields)):
        malformed(pairs, number, header, "the number of folds and of pairs of each kind per fold")
    folds, fold_pairs = (
        (int(fields[0]), int(fields[1])) if len(fields) == 2 else (1, int(fields[0]))
    )
    rows: dict[tuple[str, int], int] = {}
    rows_of_pairs: list[tuple[int, int, bool, str, str]] = []
    for number, line in lines:
        if not split_fields(line):  # a blank row of a spreadsheet
            continue
        a, b = _lfw_pair(pairs, number, line)
        same = a[0] == b[0]
        indices = [rows.setdefault(side, len(rows)) for side in (a, b)]
        rows_of_pairs.append((indices[0], indices[1], same, a[0], b[0]))
    if len(rows_of_pairs) != 2 * folds * fold_pairs or not rows_of_pairs:
        raise ConfigError(
            f"{printable(str(pairs))} must hold {2 * folds * fold_pairs} pairs as its first line "
            f"states ({folds} folds of {fold_pairs} genuine and {fold_pairs} impostor); got "
            f"{len(rows_of_pairs)}"
        )
    if not photos.is_dir():
        raise ConfigError(
            f"{printable(str(photos))} is not a folder; name the folder of LFW's photos"
        )
    names = [f"{name}/{name}_{index:04d}.jpg" for name, index in rows]
    first, second, issame = (
        np.array(column) for column in list(zip(*rows_of_pairs, strict=True))[:3]
    )
    return PairSet(
        name="LFW",
        items=tuple((find_file(photos / name),) for name in names),
        names=tuple(names),
        first=first,
        second=second,
        issame=issame,
        people=tuple((line[3], line[4]) for line in rows_of_pairs),
        folds=folds,
        aligned=False,
        data={pairs.name: file_sha256(pairs)},
    )


def _lfw_pair(path: Path, number: int, line: str) -> tuple[tuple[str, int], tuple[str, int]]:
    fields = split_fields(line)
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
    """Read YouTube Faces' ``splits.txt`` and locate its videos.

    A video that has no folder or no frame is an item without images.

    Each line is comma-separated: fold, number of the pair, first video, second video (both
    ``person/number``), 1 for one person or 0. A heading line may come first. In
    ``splits_corrected.txt`` a sixth field holds the corrected label, which is used instead of the
    fifth. Folds must be consecutive.

    Args:
        splits: The file.
        videos: Folder with ``<person>/<video>/<frame>.jpg``.
        folds: Expected number of folds.

    Raises:
        ConfigError: A malformed line, or a folder of videos that does not exist.

    Source:
        Wolf et al. 2011, ``splits.txt``; the sixth field as in public evaluations of the set.
    """
    rows: dict[str, int] = {}
    rows_of_pairs: list[tuple[int, int, bool, str, str]] = []
    numbers: list[int] = []
    for number, line in read_lines(splits):
        fields = split_fields(line)
        if not fields or (number == 1 and not _COUNT.fullmatch(fields[0])):
            continue
        expected = "'fold, pair, person/video, person/video, 0 or 1'"
        counted = all(_COUNT.fullmatch(field) for field in fields[:2])
        if len(fields) not in (5, 6) or not counted or not {*fields[4:]} <= {"0", "1"}:
            malformed(splits, number, line, expected)
        video_names = fields[2:4]
        if not all(_VIDEO.fullmatch(video) and ".." not in video for video in video_names):
            malformed(splits, number, line, expected)
        if numbers and int(fields[0]) < numbers[-1]:
            malformed(splits, number, line, "consecutive folds")
        numbers.append(int(fields[0]))
        a, b = (rows.setdefault(video, len(rows)) for video in video_names)
        people = [video.partition("/")[0] for video in video_names]
        rows_of_pairs.append((a, b, fields[-1] == "1", people[0], people[1]))
    sizes = np.unique(numbers, return_counts=True)[1]
    if len(sizes) != folds or len(set(sizes.tolist())) != 1:
        raise ConfigError(
            f"{printable(str(splits))} must hold {folds} folds of equal size; got {sizes.tolist()}"
        )
    if not videos.is_dir():
        raise ConfigError(
            f"{printable(str(videos))} is not a folder; name the folder of the videos"
        )
    first, second, issame = (
        np.array(column) for column in list(zip(*rows_of_pairs, strict=True))[:3]
    )
    return PairSet(
        name="YTF",
        items=tuple(_frames(videos, name) for name in rows),
        names=tuple(rows),
        first=first,
        second=second,
        issame=issame,
        people=tuple((line[3], line[4]) for line in rows_of_pairs),
        folds=folds,
        aligned=False,
        data={splits.name: file_sha256(splits)},
    )


def _frames(videos: Path, name: str) -> tuple[Path, ...]:
    """Return the frames of a video; none if it has no readable folder with images."""
    folder = find_file(videos / name)
    try:
        return tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTO_ENDINGS))
    except OSError:
        return ()
