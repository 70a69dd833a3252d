"""Sentences about a search result. No program reads them back: decisions use codes and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vidsearch.photo.query_warning import QueryWarning, WarningCode, damage
from vidsearch.results.result import Coverage, SearchResult, VideoHits
from vidsearch.results.threshold_advice import FEWEST_TRACKS, FEWEST_VIDEOS, FalseHitEstimate
from vidsearch.results.words import LIKELY, clock, confidence_number, confidence_word, counted
from vidsearch.text.printable import printable

Fields = Mapping[str, Any]

_ROTATIONS = {
    1: "on its side (clockwise)",
    2: "upside down",
    3: "on its side (counter-clockwise)",
}
"""Position of a photo, by the counter-clockwise quarter turns that make it upright."""


def _several_faces(fields: Fields) -> str:
    count = fields["faces"]
    others = "2 picks the other" if count == 2 else f"2 to {count} picks another, by size"
    return f"{count} faces in the photo, the largest was used; --face {others}"


def _unreliable(fault: str, fields: Fields) -> str:
    return (
        f"the face is {fault} (quality {fields['quality']:.2f}): expect an unreliable answer; add "
        "or use a better photo"
    )


def _different_people(fields: Fields) -> str:
    named = " | ".join(", ".join(map(printable, group)) for group in fields["groups"])
    return f"these photos may show different people: {named}; search for each person separately"


WARNING_SENTENCES: dict[WarningCode, Callable[[Fields], str]] = {
    WarningCode.PAGES_IGNORED: lambda fields: (
        f"the file has {fields['pages']} pages, of which only the first was used"
    ),
    WarningCode.FRAMES_IGNORED: lambda fields: (
        f"an animation of {fields['frames']} frames, of which only the first was used"
    ),
    WarningCode.PAGE_USED: lambda fields: (
        f"the file has {fields['pages']} pages, of which page {fields['page']} was used"
    ),
    WarningCode.FRAME_USED: lambda fields: (
        f"an animation of {fields['frames']} frames, of which frame {fields['frame']} was used"
    ),
    WarningCode.PHOTO_DAMAGED: lambda fields: (
        f"the file is {damage(fields)}; copy or download it again"
    ),
    WarningCode.PREVIEW_USED: lambda fields: (
        "the camera raw file is damaged: only its preview of "
        f"{fields['width']} x {fields['height']} pixels was used; copy it again"
    ),
    WarningCode.FACE_FILLS_PHOTO: lambda _: (
        "the face fills the photo; a photo with more room around the face gives better hits"
    ),
    WarningCode.SMALL_FACE: lambda _: (
        "the face is small in the photo and was found only in a close-up"
    ),
    WarningCode.PHOTO_ROTATED: lambda fields: (
        f"the photo lies {_ROTATIONS[fields['quarter_turns']]}; the face was found by rotating it"
    ),
    WarningCode.SEVERAL_FACES: _several_faces,
    WarningCode.POOR_FACE: lambda fields: _unreliable("too small or too blurred", fields),
    WarningCode.UNCLEAR_FACE: lambda fields: _unreliable(
        "turned away, badly lit or unclear", fields
    ),
    WarningCode.PHOTO_LEFT_OUT: lambda fields: f"left out of the query: {fields['reason']}",
    WarningCode.DIFFERENT_PEOPLE: _different_people,
}
"""Sentence of each warning, made from its fields."""

COVERAGE_SENTENCES: dict[str, str] = {
    "searched": "Searched {tracks} in {videos} ({duration} of video).",
    "no-tracks": "They show no face that can be searched.",
    "partial-one": "{partial} was read only in part.",
    "partial-many": "{partial} were read only in part.",
    "failed": "{failed} could not be indexed and may show the person.",
    "failures": '"vidsearch status" names them.',
    "empty": 'Nothing is searchable yet: "vidsearch index" adds videos.',
}
"""Templates of the sentences about coverage, in the order they are written."""


def warning_sentence(warning: QueryWarning) -> str:
    """Return the sentence of a warning about a query photo."""
    return WARNING_SENTENCES[warning.code](warning.fields)


def headline(result: SearchResult) -> str:
    """Return one sentence about whether the person was found."""
    likely = result.likely
    if likely:
        videos = len({hit.video_id for hit in likely})
        return f"Found {counted(len(likely), 'likely appearance')} in {counted(videos, 'video')}."
    if not result.hits:
        return "No hit."
    best = result.hits[0].confidence
    return (
        f"No likely appearance: the nearest of {counted(len(result.hits), 'hit')} is "
        f'"{confidence_word(best)}" ({confidence_number(best)}).'
    )


def count_of_hits(group: VideoHits) -> str:
    """Return the number of hits in a video with its noun, such as "2 appearances"."""
    noun = "appearance" if group.best.confidence >= LIKELY else "weaker hit"
    return counted(len(group.hits), noun)


def coverage_facts(coverage: Coverage) -> str:
    """Return the facts about coverage, without remedies."""
    keys = ["searched"]
    if coverage.videos and not coverage.tracks:
        keys.append("no-tracks")
    if coverage.partial_videos:
        keys.append("partial-one" if coverage.partial_videos == 1 else "partial-many")
    if coverage.failed_videos:
        keys.append("failed")
    return " ".join(COVERAGE_SENTENCES[key] for key in keys).format(
        tracks=counted(coverage.tracks, "track"),
        videos=counted(coverage.videos, "video"),
        duration=clock(coverage.duration_s),
        partial=counted(coverage.partial_videos, "video"),
        failed=counted(coverage.failed_videos, "video"),
    )


def coverage_sentence(coverage: Coverage) -> str:
    """Return the facts about coverage, with the shell's remedies."""
    parts = [coverage_facts(coverage)]
    if not coverage.complete:
        parts.append(COVERAGE_SENTENCES["failures"])
    if not coverage.videos:
        parts.append(COVERAGE_SENTENCES["empty"])
    return " ".join(parts)


def false_hits_sentence(estimate: FalseHitEstimate) -> str:
    """Return the sentence about the false hits expected at each confidence level."""
    if not estimate.levels:
        return (
            "The number of false hits to expect is not known: the estimate needs "
            f"{FEWEST_TRACKS} tracks of other people in {FEWEST_VIDEOS} videos."
        )
    parts = [
        f"{_rounded(level.expected)} from {level.confidence:g} "
        f"({_rounded(level.at_least)} to {_rounded(level.at_most)})"
        for level in estimate.levels
    ]
    sentence = (
        f"False hits to expect among {counted(estimate.tracks, 'track')}: {', '.join(parts)}. "
        f"Extrapolated from the similarities of {counted(estimate.compared, 'track')} to this query"
    )
    pairs = estimate.impostor_pairs.pairs
    if pairs:
        sentence += (
            f", and corrected by {counted(pairs, 'pair')} of tracks that are known to show two "
            "people"
        )
    return f"{sentence}; 95 % intervals."


def _rounded(count: float) -> str:
    """Return a mean count with one or two significant digits.

    Example:
        >>> [_rounded(count) for count in (0.0, 0.034, 2.34, 1234.5)]
        ['0', '0.03', '2.3', '1,234']
    """
    if count >= 10:
        return f"{count:,.0f}"
    if count >= 1:
        return f"{count:.1f}"
    return f"{count:.2f}" if count >= 0.005 else "0" if not count else "<0.01"
