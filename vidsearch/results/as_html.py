"""A search result as one self-contained page: no script, no request, nothing outside the file."""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files

from vidsearch.datatypes import Hit
from vidsearch.results.result import QueryPhoto, SearchResult, VideoHits, by_video
from vidsearch.results.sentences import (
    count_of_hits,
    coverage_sentence,
    false_hits_sentence,
    headline,
    warning_sentence,
)
from vidsearch.results.timeline import timeline_svg
from vidsearch.results.words import (
    clock,
    confidence_class,
    confidence_number,
    confidence_word,
    counted,
)
from vidsearch.text.html import document, text

_JPEG_MARK = b"\xff\xd8\xff"


def to_html(result: SearchResult) -> str:
    """Return a complete HTML document, to be written as UTF-8.

    Pictures are embedded, so that the page can be mailed or archived as it is. Its content security
    policy forbids scripts and requests, should anything ever slip past the escaping.
    """
    likely, weaker = by_video(result.likely), by_video(result.weaker)
    body = [_header(result), _query(result.query)]
    if likely:
        body.append(_section("found", "Likely appearances", likely, result))
    if weaker:
        body.append(_weaker(weaker, result))
    body.append(_footer(result))
    return document(headline(result), "\n".join(body), _style())


@cache
def _style() -> str:
    return files("vidsearch.results").joinpath("report.css").read_text(encoding="utf-8")


def _header(result: SearchResult) -> str:
    state = "yes" if result.likely else "no"
    return f"""<header class="{state}">
<p class="brand">vidsearch</p>
<h1>{text(headline(result))}</h1>
<p class="lead">{text(coverage_sentence(result.coverage))}</p>
</header>"""


def _footer(result: SearchResult) -> str:
    estimate = result.false_hit_estimate
    false_hits = f"{text(false_hits_sentence(estimate))} " if estimate is not None else ""
    note = (
        f"{false_hits}Confidence is the calibrated probability that a track and the query show "
        f"the same person: look before you rely on it. Model {text(result.model_id)}."
    )
    return f"""<footer><p class="quiet">{note}</p>
</footer>"""


def _query(photos: tuple[QueryPhoto, ...]) -> str:
    cards = "\n".join(_photo(photo) for photo in photos)
    return f"""<section aria-labelledby="query">
<h2 id="query">Searched for</h2>
<ul class="query">
{cards}
</ul>
</section>"""


def _photo(photo: QueryPhoto) -> str:
    several = f", of {photo.faces_in_photo} faces" if photo.faces_in_photo > 1 else ""
    warnings = "".join(
        f'<p class="warning">{text(warning_sentence(warning))}</p>' for warning in photo.warnings
    )
    name = photo.photo.rstrip("/").rpartition("/")[2]
    return f"""<li>{_picture(photo.face_jpeg, f"Face searched for, from {name}")}
<div><p class="name">{_name(photo.photo)}</p>
<p class="quiet">Face quality {photo.quality:.2f}{several}</p>{warnings}</div></li>"""


def _section(anchor: str, title: str, groups: tuple[VideoHits, ...], result: SearchResult) -> str:
    videos = "\n".join(_video(group, result) for group in groups)
    return f"""<section aria-labelledby="{anchor}">
<h2 id="{anchor}">{text(title)}</h2>
{videos}
</section>"""


def _weaker(groups: tuple[VideoHits, ...], result: SearchResult) -> str:
    videos = "\n".join(_video(group, result) for group in groups)
    return f"""<details{"" if result.likely else " open"}>
<summary><h2>{counted(len(result.weaker), "weaker hit")}</h2>
<span class="quiet">Probably other people</span></summary>
{videos}
</details>"""


def _video(group: VideoHits, result: SearchResult) -> str:
    duration_s = result.durations_s.get(group.video_id)
    length = f" in {clock(duration_s)} of video" if duration_s is not None else ""
    hits = "\n".join(_hit(hit, result.thumbnails.get(hit.track_id)) for hit in group.hits)
    return f"""<article>
<h3>{_name(group.video)}</h3>
<p class="quiet">{count_of_hits(group)}{length}</p>
{timeline_svg(group, duration_s)}
<ol>
{hits}
</ol>
</article>"""


def _hit(hit: Hit, jpeg: bytes | None) -> str:
    start, end = clock(hit.span.start_s), clock(hit.span.end_s)
    level = confidence_class(hit.confidence)
    person = f'<p class="person">{text(hit.person)}</p>' if hit.person is not None else ""
    return f"""<li>{_picture(jpeg, f"Face at {clock(hit.best_s)}")}
<div><p class="span">{start} &ndash; {end}</p>{person}
<p><span class="badge {level}">{confidence_word(hit.confidence)}</span>
<span class="number">{text(confidence_number(hit.confidence))}</span></p>
<p class="quiet facts"><span>Best at {clock(hit.best_s)}</span> <span>Rank {hit.rank}</span>
<span>Similarity {hit.similarity:.3f}</span></p>
</div></li>"""


def _picture(jpeg: bytes | None, alt: str) -> str:
    if jpeg is None or not jpeg.startswith(_JPEG_MARK):
        return '<div class="picture"><span>no picture</span></div>'
    data = base64.b64encode(jpeg).decode("ascii")
    return (
        f'<img class="picture" src="data:image/jpeg;base64,{data}" alt="{text(alt)}" '
        'width="150" height="150">'
    )


def _name(path: str) -> str:
    """Mark the folder as less important than the file; read left to right in any script."""
    folder, slash, file = path.rpartition("/")
    before = f'<span class="folder">{text(folder + slash)}</span>' if slash else ""
    return f"<bdi>{before}{text(file)}</bdi>"
