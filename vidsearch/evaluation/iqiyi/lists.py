"""Ground truth and result files of iQIYI-VID, one line ``id clip clip ...`` per identity."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.retrieval import LIMIT, Rankings, deduplicated
from vidsearch.evaluation.protocols.lines import malformed, read_lines
from vidsearch.text.printable import printable

Lists = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredLists:
    """Results compared with the ground truth.

    Attributes:
        identities: Q ids, in the order of the ground truth.
        rankings: One row per identity.
        missing: Ids without a line in the results; they score 0.
        without_clips: Ids without a clip in the ground truth, but with a line in the results. The
            official script divides by zero for these ids; here they score 0.
        duplicates: Number of clips dropped as repetitions within their line.
    """

    identities: tuple[str, ...]
    rankings: Rankings
    missing: tuple[str, ...]
    without_clips: tuple[str, ...]
    duplicates: int


def read_lists(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Return id -> clips of a ground truth or result file, in the order of the file.

    Blank lines are skipped. An id without clips is allowed.

    Raises:
        ConfigError: The file cannot be read, is not UTF-8, has no line, or repeats an id.
    """
    file = Path(path)
    lists: dict[str, list[str]] = {}
    line_of: dict[str, int] = {}
    for number, line in read_lines(file):
        if "\t" in line or "," in line or "\0" in line:
            malformed(file, number, line, "'id clip clip ...', separated by spaces")
        identity, *clips = line.split()
        if identity in lists:
            malformed(file, number, line, f"a new id (line {line_of[identity]} has {identity!r})")
        lists[identity], line_of[identity] = clips, number
    if not lists:
        raise ConfigError(f"{printable(str(path))} has no line; expected 'id clip clip ...'")
    return lists


def score(truth: Lists, results: Lists, limit: int = LIMIT) -> ScoredLists:
    """Compare results with the ground truth as the official script does.

    Repeated clips of a line are dropped, the first kept, before the limit is applied. Clips that
    are not in the ground truth are distractors and take up ranks.

    Raises:
        ConfigError: A result line has more than ``limit`` different clips or an unknown id, or a
            ground-truth line names a clip twice.

    Source:
        The evaluation script handed to the contestants of iQIYI-VID.
    """
    unknown = [identity for identity in results if identity not in truth]
    if unknown:
        raise ConfigError(
            f"results answer id {unknown[0]!r}, which the ground truth does not have "
            f"({len(unknown)} such ids); score them against their own ground truth"
        )
    flags: list[list[bool]] = []
    relevant: list[int] = []
    duplicates = 0
    for identity, clips in truth.items():
        right = set(clips)
        if len(right) != len(clips):
            twice = next(clip for row, clip in enumerate(clips) if clip in clips[:row])
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
