"""Duplicate files of a run, found before decoding, so that each content is indexed once.

Files of different sizes differ. Files of equal size are hashed, which costs a read and saves a
decode. The first file of equal content gives the video its path, so the result does not depend on
the order in which workers finish.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vidsearch.errors import VideoError
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id


@dataclass(frozen=True, slots=True)
class Duplicate:
    """File with the content of another file of the same run."""

    source: VideoSource
    original: VideoSource
    video_id: str


def split_duplicates(
    sources: Sequence[VideoSource],
) -> tuple[list[VideoSource], list[Duplicate]]:
    """Return the files to index, in their order, and their duplicates.

    An unreadable file stays among the files to index, whose stage reports the error.
    """
    sizes = Counter(source.size for source in sources)
    first_by_content: dict[str, VideoSource] = {}
    originals: list[VideoSource] = []
    duplicates: list[Duplicate] = []
    for source in sources:
        video_id = None
        if sizes[source.size] > 1:
            try:
                video_id = content_id(source.uri)
            except VideoError:
                video_id = None
        original = first_by_content.get(video_id) if video_id is not None else None
        if video_id is not None and original is not None:
            duplicates.append(Duplicate(source, original, video_id))
            continue
        if video_id is not None:
            first_by_content[video_id] = source
        originals.append(source)
    return originals, duplicates
