"""Copies among a run's files: found before anything is decoded, so that each content is read once.

Files of different sizes differ. Those of one size are hashed first, which costs a read and saves a
decode; which of the copies gives the video its name does not depend on who is finished first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vidsearch.errors import VideoError
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id


@dataclass(frozen=True, slots=True)
class Copy:
    """A file with the content of one that is indexed in the same run."""

    source: VideoSource
    original: VideoSource
    video_id: str


def split_copies(sources: Sequence[VideoSource]) -> tuple[list[VideoSource], list[Copy]]:
    """Return the files to index, in their order, and the copies among them.

    A file that cannot be read is left among the first, for the stage that says why.
    """
    sizes = Counter(source.size for source in sources)
    first_by_content: dict[str, VideoSource] = {}
    originals: list[VideoSource] = []
    copies: list[Copy] = []
    for source in sources:
        video_id = _content(source) if sizes[source.size] > 1 else None
        original = first_by_content.get(video_id) if video_id is not None else None
        if video_id is not None and original is not None:
            copies.append(Copy(source, original, video_id))
            continue
        if video_id is not None:
            first_by_content[video_id] = source
        originals.append(source)
    return originals, copies


def _content(source: VideoSource) -> str | None:
    try:
        return content_id(source.uri)
    except VideoError:
        return None
