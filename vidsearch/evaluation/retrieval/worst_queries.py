"""The worst queries with pictures: what came up wrongly, and what did not come up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePath, PurePosixPath

import numpy as np

from vidsearch.catalog import Catalog
from vidsearch.datatypes import Hit
from vidsearch.evaluation.report import Picture, PictureRow, PictureRows, Section
from vidsearch.evaluation.report.ranked_retrieval import RetrievalFigures
from vidsearch.evaluation.retrieval.answers import Answer, best_of_videos
from vidsearch.evaluation.retrieval.labels import Known, Labels
from vidsearch.results.words import clock, confidence_number

_PICTURES = 4
"""False hits, and as many misses, shown of one query."""


def worst_queries(
    answers: Sequence[Answer],
    figures: RetrievalFigures,
    labels: Labels,
    catalog: Catalog,
    count: int,
) -> Section | None:
    """Return the queries of lowest average precision, or None where every query is perfect."""
    precision = figures.per_query["truncated"]
    order = [int(at) for at in np.argsort(precision, kind="stable") if precision[at] < 1][:count]
    if not order:
        return None
    best = best_of_videos([answers[at] for at in order])
    chosen = []
    for at in order:
        answer = answers[at]
        known = labels.people[answer.query.identity]
        ranks = best[answer.query.name]
        last = max((rank for video, (rank, _) in ranks.items() if video in known.spans), default=0)
        false = [
            (rank, hit)
            for video, (rank, hit) in ranks.items()
            if video not in known.spans and (rank < last or not last)
        ][:_PICTURES]
        missed = [
            (video, ranks.get(video)) for video in known.spans if _missed(video, ranks, known)
        ]
        missed.sort(key=lambda pair: pair[1][0] if pair[1] is not None else np.inf, reverse=True)
        chosen.append((answer, float(precision[at]), false, missed[:_PICTURES]))
    wanted = {hit.track_id for _, _, false, _ in chosen for _, hit in false}
    wanted |= {pair[1].track_id for *_, missed in chosen for _, pair in missed if pair is not None}
    faces = _faces(catalog, wanted)
    names = _names(catalog, {video for *_, missed in chosen for video, _ in missed})
    rows = tuple(
        PictureRow(
            f"{PurePath(answer.query.name).name} ({answer.query.identity})"
            if answer.query.name != answer.query.identity else answer.query.identity,
            _note(answer, value, labels.people[answer.query.identity]),
            (
                Picture(answer.face_jpeg, "searched for"),
                *(_false(rank, hit, faces) for rank, hit in false),
                *(_miss(video, pair, faces, names) for video, pair in missed),
            ),
        )
        for answer, value, false, missed in chosen
    )  # fmt: skip
    return Section(
        "The worst queries",
        "Red frames: other people (or labels that lack an appearance) ranked above a right video. "
        "Green frames: right videos that came too late or not at all, with the track in them that "
        "is nearest to the query.",
        (PictureRows("Lowest average precision (truncated) first", rows),),
    )


def _missed(video: str, ranks: dict[str, tuple[int, Hit]], known: Known) -> bool:
    return video not in ranks or ranks[video][0] > len(known.spans)


def _note(answer: Answer, value: float, known: Known) -> str:
    text = f"average precision {value:.3f}, {len(known.spans):,} right videos"
    return f"{text}; no face was found in the photo" if not answer.hits else text


def _label(rank: int, hit: Hit) -> str:
    name = PurePosixPath(hit.video).name
    return f"rank {rank}, {confidence_number(hit.confidence)}: {name} {clock(hit.best_s)}"


def _false(rank: int, hit: Hit, faces: dict[str, bytes]) -> Picture:
    return Picture(faces.get(hit.track_id), _label(rank, hit), "bad")


def _miss(
    video: str, pair: tuple[int, Hit] | None, faces: dict[str, bytes], names: dict[str, str]
) -> Picture:
    if pair is None:
        return Picture(None, f"never: {names.get(video, video)}", "good")
    rank, hit = pair
    return Picture(faces.get(hit.track_id), f"only {_label(rank, hit)}", "good")


def _faces(catalog: Catalog, track_ids: Collection[str]) -> dict[str, bytes]:
    if not track_ids:
        return {}
    rows = catalog.faces(["track_id", "position", "aligned_jpeg"], track_ids=track_ids).to_pylist()
    return {row["track_id"]: row["aligned_jpeg"] for row in rows if row["position"] == 0}


def _names(catalog: Catalog, video_ids: Collection[str]) -> dict[str, str]:
    rows = catalog.videos(["video_id", "uri"], video_ids=video_ids).to_pylist()
    return {row["video_id"]: PurePosixPath(row["uri"]).name for row in rows}
