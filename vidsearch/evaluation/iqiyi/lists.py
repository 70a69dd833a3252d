"""The challenge's text files: truth and results ``id clip clip ...``, training ``clip id``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.retrieval import LIMIT, Rankings, deduplicated
from vidsearch.text.printable import printable

Lists = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredLists:
    """Results against ground truth.

    Attributes:
        identities: Q ids, in the order of the ground truth.
        rankings: One row each.
        missing: Ids that the results do not answer: they score 0.
        without_clips: Ids with no clip in the ground truth that were answered all the same. The
            official script divides by zero there; here they score 0.
        duplicates: Clips dropped because their line named them before.
    """

    identities: tuple[str, ...]
    rankings: Rankings
    missing: tuple[str, ...]
    without_clips: tuple[str, ...]
    duplicates: int


def read_lists(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Return id -> clips of a ground truth or result file, in the order of the file.

    Blank lines are passed over. An id without clips is legal.

    Raises:
        ConfigError: The file cannot be read, is no text, holds nothing, or names an id twice.
    """
    found: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    for number, fields in _fields(path):
        identity = fields[0]
        if identity in found:
            raise _wrong(
                path, number, f"id {identity!r} again (first in line {lines[identity]})",
                "one line an id",
            )  # fmt: skip
        found[identity], lines[identity] = fields[1:], number
    if not found:
        raise ConfigError(f"{_shown(path)} holds no line; expected lines 'id clip clip ...'")
    return found


def read_training(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return clip -> id of a training list.

    Raises:
        ConfigError: As for :func:`read_lists`; also where a line is not ``clip id``.
    """
    found: dict[str, str] = {}
    for number, fields in _fields(path):
        if len(fields) != 2:
            raise _wrong(path, number, f"{len(fields)} fields", "'clip id'")
        if fields[0] in found:
            raise _wrong(path, number, f"clip {fields[0]!r} again", "one line a clip")
        found[fields[0]] = fields[1]
    if not found:
        raise ConfigError(f"{_shown(path)} holds no line; expected lines 'clip id'")
    return found


def score(truth: Lists, results: Lists, limit: int = LIMIT) -> ScoredLists:
    """Hold results against the ground truth as the official script does.

    Duplicates in a result line are dropped, the first kept, before the limit is looked at. Clips
    that the ground truth does not know are distractors and take up ranks.

    Raises:
        ConfigError: A result line has more than ``limit`` different clips or an unknown id, or a
            ground-truth line names a clip twice.
    """
    unknown = [identity for identity in results if identity not in truth]
    if unknown:
        raise ConfigError(
            f"results answer id {unknown[0]!r}, which the ground truth does not have "
            f"({len(unknown)} such); score them against their own ground truth"
        )
    flags: list[list[bool]] = []
    relevant: list[int] = []
    duplicates = 0
    for identity, clips in truth.items():
        right = set(clips)
        if len(right) != len(clips):
            twice = next(clip for at, clip in enumerate(clips) if clip in clips[:at])
            raise ConfigError(
                f"ground truth of id {identity!r} names clip {twice!r} twice; name it once"
            )
        answered = results.get(identity, ())
        ranked = deduplicated(answered)
        duplicates += len(answered) - len(ranked)
        if len(ranked) > limit:
            raise ConfigError(
                f"results of id {identity!r} name {len(ranked)} different clips; at most {limit} "
                "are allowed: cut the line"
            )
        flags.append([clip in right for clip in ranked])
        relevant.append(len(clips))
    return ScoredLists(
        identities=tuple(truth),
        rankings=Rankings.of([np.array(row, bool) for row in flags], relevant),
        missing=tuple(identity for identity in truth if identity not in results),
        without_clips=tuple(i for i, clips in truth.items() if not clips and results.get(i)),
        duplicates=duplicates,
    )


def _fields(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    try:
        with Path(path).open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if "\t" in line or "," in line:
                    raise _wrong(path, number, "a tab or a comma", "fields separated by spaces")
                if "\0" in line:
                    raise _wrong(path, number, "a NUL character", "text")
                fields = line.split()
                if fields:
                    yield number, fields
    except OSError as error:
        raise ConfigError(
            f"{_shown(path)} cannot be read ({error.strerror}); check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{_shown(path)} is no UTF-8 text; expected 'id clip clip ...'"
        ) from error


def _shown(path: str | os.PathLike[str]) -> str:
    return f"'{printable(os.fspath(path))}'"


def _wrong(path: str | os.PathLike[str], number: int, found: str, expected: str) -> ConfigError:
    return ConfigError(f"{_shown(path)}, line {number}: {printable(found)}; expected {expected}")
