"""A search result as the JSON object that ``vidsearch search --json`` prints."""

from __future__ import annotations

from typing import Any

from vidsearch.datatypes import Hit, Vector
from vidsearch.results.result import QueryPhoto, SearchResult


def to_json(result: SearchResult) -> dict[str, Any]:
    """Return the object that ``search --json`` prints: a contract, keys and their order included.

    ``false_hits`` has no ``levels`` where the archive holds too few tracks to tell.

    Times have milliseconds, boxes tenths of a pixel, probabilities and similarities six digits.
    Every number is finite. Names stand as they are: print with ``json.dumps``' own ASCII escapes,
    because a file name may hold bytes that are no Unicode.
    """
    made: dict[str, Any] = {
        "model_id": result.model_id,
        "query": [_query(photo) for photo in result.query],
        "hits": [_hit(hit) for hit in result.hits],
    }
    if result.advice is not None and result.advice.levels:
        made["false_hits"] = {
            "tracks": result.advice.tracks,
            "tracks_compared": result.advice.compared,
            "certain_pairs": result.advice.certain.pairs,
            "levels": [
                {
                    "confidence": line.confidence,
                    "expected": round(line.expected, 4),
                    "at_least": round(line.at_least, 4),
                    "at_most": round(line.at_most, 4),
                }
                for line in result.advice.levels
            ],
        }
    return made


def _query(photo: QueryPhoto) -> dict[str, Any]:
    return {
        "photo": photo.photo,
        "box_xyxy": _box(photo.box_xyxy),
        "quality": round(float(photo.quality), 4),
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "rank": int(hit.rank),
        "confidence": round(float(hit.confidence), 6),
        "similarity": round(float(hit.similarity), 6),
        "video": hit.video,
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
