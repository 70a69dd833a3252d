"""A search result as the JSON object that ``vidsearch search --json`` prints."""

from __future__ import annotations

from typing import Any

from vidsearch.datatypes import Hit, Vector
from vidsearch.photo.query_warning import WarningCode
from vidsearch.results.result import QueryPhoto, SearchResult
from vidsearch.text.names import portable_name


def to_json(result: SearchResult) -> dict[str, Any]:
    """Return the object that ``search --json`` prints. Keys and their order are a contract.

    ``false_hits`` is absent where the archive holds too few tracks for an estimate, and
    ``left_out`` if every photo was used.

    Times have milliseconds, boxes tenths of a pixel, probabilities and similarities six digits.
    Every number is finite. Names are valid Unicode, see ``portable_name``.
    """
    document: dict[str, Any] = {
        "model_id": result.model_id,
        "query": [_query(photo) for photo in result.query],
        "hits": [_hit(hit) for hit in result.hits],
    }
    estimate = result.false_hit_estimate
    if estimate is not None and estimate.levels:
        document["false_hits"] = {
            "tracks": estimate.tracks,
            "tracks_compared": estimate.compared,
            "certain_pairs": estimate.impostor_pairs.pairs,
            "levels": [
                {
                    "confidence": level.confidence,
                    "expected": round(level.expected, 4),
                    "at_least": round(level.at_least, 4),
                    "at_most": round(level.at_most, 4),
                }
                for level in estimate.levels
            ],
        }
    left_out = [
        {"photo": portable_name(warning.fields["photo"]), "reason": warning.fields["reason"]}
        for photo in result.query
        for warning in photo.warnings
        if warning.code is WarningCode.PHOTO_LEFT_OUT
    ]
    if left_out:
        document["left_out"] = left_out
    return document


def _query(photo: QueryPhoto) -> dict[str, Any]:
    return {
        "photo": portable_name(photo.photo),
        "box_xyxy": _box(photo.box_xyxy),
        "quality": round(float(photo.quality), 4),
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "rank": int(hit.rank),
        "confidence": round(float(hit.confidence), 6),
        "similarity": round(float(hit.similarity), 6),
        "video": portable_name(hit.video),
        "video_id": hit.video_id,
        "track_id": hit.track_id,
        "start_s": round(float(hit.span.start_s), 3),
        "end_s": round(float(hit.span.end_s), 3),
        "best_s": round(float(hit.best_s), 3),
        "box_xyxy": _box(hit.box_xyxy),
        "person": hit.person,
    }


def _box(box: Vector) -> list[float]:
    return [round(float(side), 1) for side in box]
