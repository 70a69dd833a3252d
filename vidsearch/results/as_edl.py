"""A search result as WebVTT, for players, and as EDL (CMX 3600), for editing programs."""

from __future__ import annotations

from vidsearch.results.result import SearchResult, by_video
from vidsearch.results.words import clock, confidence_number, confidence_word
from vidsearch.text.names import ascii_name, portable_name
from vidsearch.text.printable import printable

EDL_FPS = 25
"""Frame rate of the time codes. An EDL states none; programs in Europe assume 25."""

_LONGEST_TITLE = 70


def to_webvtt(result: SearchResult) -> str:
    """Return one cue per hit, video by video; a NOTE names the video of the cues that follow.

    Names are escaped, so they can start neither a cue nor a tag.
    """
    lines = ["WEBVTT", ""]
    for group in by_video(result.hits):
        lines += [f"NOTE {_cue_text(portable_name(group.video))}", ""]
        for hit in group.hits:
            name = f"{_cue_text(hit.person)}: " if hit.person is not None else ""
            words = f"{confidence_word(hit.confidence)} {confidence_number(hit.confidence)}"
            words = words.replace("<", "&lt;").replace(">", "&gt;")
            lines += [
                f"{_vtt_time(hit.span.start_s)} --> {_vtt_time(hit.span.end_s)}",
                f"{name}{words} #{hit.rank}",
                "",
            ]
    return "\n".join(lines)


def to_edl(result: SearchResult, title: str = "vidsearch") -> str:
    """Return an edit decision list (CMX 3600): one event per hit, best video first.

    The file is ASCII, as the format demands: the path of a video with other characters is written
    as a ``file:`` URL.
    """
    lines = [f"TITLE: {_title(title)}", "FCM: NON-DROP FRAME", ""]
    record_start = 0
    event = 0
    for group in by_video(result.hits):
        for hit in group.hits:
            event += 1
            first = round(hit.span.start_s * EDL_FPS)
            length = max(round(hit.span.end_s * EDL_FPS) - first, 1)
            times = (first, first + length, record_start, record_start + length)
            record_start += length
            words = f"{confidence_word(hit.confidence)} {confidence_number(hit.confidence)}"
            lines += [
                f"{event:03d}  AX       V     C        " + " ".join(map(_timecode, times)),
                f"* FROM CLIP NAME: {ascii_name(group.video)}",
                f"* COMMENT: {words}, {clock(hit.span.start_s)}",
            ]
    return "\n".join(lines) + "\n"


def _vtt_time(seconds: float) -> str:
    thousandths = max(round(seconds * 1000), 0)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _timecode(frames: int) -> str:
    seconds, left = divmod(max(frames, 0), EDL_FPS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{left:02d}"


def _cue_text(text: str) -> str:
    safe = printable(text).replace("-->", "->")
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _title(text: str) -> str:
    return printable(text).encode("ascii", "replace").decode("ascii")[:_LONGEST_TITLE]
