"""Readers of the program, called as its commands call them; each reads one file of a name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from trainer.config.toml import read_config
from trainer.data.recordio import CorruptRecordError, RecordFile
from vidsearch.catalog.meta import META_NAME, read_meta
from vidsearch.errors import VidsearchError, reason
from vidsearch.evaluation.iqiyi.features import convert_features
from vidsearch.evaluation.protocols.pairs import read_bin
from vidsearch.evaluation.protocols.vectors import open_vectors
from vidsearch.media.kinds import file_kind
from vidsearch.models.pack_toml import PACK_TOML, read_pack
from vidsearch.photo.open import photo_frames
from vidsearch.storage.path import StoragePath
from vidsearch.text.decode import read_csv_table
from vidsearch.video.discovery.lists import read_list
from vidsearch.video.open import open_video

MAX_FRAMES = 60
"""Most frames that are read of a video: a mutant may state a film of days."""


def read(path: Path) -> str:
    """Read a file by its reader; return "read", or the error that a user sees.

    Raises:
        AssertionError: The error is not one line.
        Exception: A fault of the program: any other error.
    """
    outcome = "read"
    try:
        _reader(path)(path)
    except VidsearchError as error:
        outcome = reason(error)
    assert outcome, "an error without a text"
    assert "\n" not in outcome, f"an error of several lines: {outcome}"
    return outcome


def _reader(path: Path) -> Callable[[Path], object]:
    if path.name in _BY_NAME:
        return _BY_NAME[path.name]
    return _BY_ENDING.get(path.suffix, _video)


def _video(path: Path) -> None:
    with path.open("rb") as file:
        file_kind(file.read(4096))
    with open_video(str(path)) as reader:
        for number, frame in enumerate(reader.decode()):
            frame.rgb()
            if number >= MAX_FRAMES:
                break
        assert 0 <= reader.report().share <= 1
        assert "\n" not in reader.report().reason


def _photo(path: Path) -> None:
    for photo in photo_frames(str(path)):
        assert photo.image.size


def _records(path: Path) -> None:
    records = RecordFile(path)
    try:
        for offset in range(0, min(records.size, 4000), 4):
            with suppress(CorruptRecordError):
                records.read(offset)
    finally:
        records.close()


def _features(path: Path) -> None:
    convert_features(path, path.with_suffix(".parquet"))


def _list(path: Path) -> None:
    for _, name in read_list(path):
        assert name


_BY_NAME: dict[str, Callable[[Path], object]] = {
    "moving.gif": _video,
    "moving.webp": _video,
    "moving.apng": _video,
    PACK_TOML: lambda path: read_pack(path.parent),
    META_NAME: lambda path: read_meta(StoragePath.of(str(path.parent))),
}
_BY_ENDING: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys(
        (".jpg", ".png", ".webp", ".bmp", ".tiff", ".jp2", ".avif", ".heic", ".dng"), _photo
    ),
    ".pickle": _features,
    ".bin": read_bin,
    ".npy": open_vectors,
    ".rec": _records,
    ".toml": read_config,
    ".csv": read_csv_table,
    ".txt": _list,
}
