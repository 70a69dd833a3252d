"""Small odd files with known answers: spans found, and the face that the app shows there.

One index holds all files of the folder. Each hit is opened with the functions of the app: the still
at the best moment and the clip around it must show the person in the box.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines import ClusterConfig, index
from pipelines.indexing.outcomes import IndexReport
from ui.service.clip_cache import ClipCutter
from vidsearch import Archive
from vidsearch.datatypes import Hit, Image, Vector
from vidsearch.device import resolve_device
from vidsearch.faces.template import normalise
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.photo.faces import choose_largest, embed_photo
from vidsearch.results.result import SearchResult
from vidsearch.video.stills import still

pytestmark = pytest.mark.media

CONFIDENT = 0.9
"""Confidence of a strong appearance; the weak one at the start of the clip stays below it."""

FRAME_S = 1 / 29.97


@dataclass(frozen=True)
class Case:
    """File of the folder and its right answer.

    Attributes:
        name: File name.
        spans: Spans of the strong appearances, seconds.
        tolerance_s: Greatest difference of an end of a span.
        status: Status of the video.
        share: Part of the video that was read; None for the whole video.
        least: Confidence of the weakest appearance among the spans.
    """

    name: str
    spans: tuple[tuple[float, float], ...]
    tolerance_s: float = FRAME_S
    status: str = "indexed"
    share: float | None = None
    least: float = CONFIDENT


CLIP = ((2.74, 7.04),)
TWO_SECONDS = ((0.0, 2.0),)
CASES = (
    Case("control_upright.mp4", CLIP),
    Case("control_2s.mp4", TWO_SECONDS),
    Case("control_landscape_alone.webm", TWO_SECONDS),
    Case("control_portrait_alone.webm", TWO_SECONDS),
    Case("shape_portrait_then_landscape.webm", ((1.0, 3.0),)),
    Case("joined_clock_forward.ts", TWO_SECONDS),
    Case("joined_clock_back.ts", TWO_SECONDS),
    Case("cover_default_first.mkv", TWO_SECONDS),
    Case("cover_both_default.mkv", TWO_SECONDS),
    Case("nvr.dav", TWO_SECONDS, tolerance_s=0.1),
    Case("upsidedown.mp4", CLIP),
    Case("sideways.mp4", CLIP),
    Case("fps1.mp4", ((0.0, 2.0), (4.0, 9.0)), tolerance_s=0.01, least=0.3),
    Case("fps2.mp4", ((0.0, 1.5), (3.5, 8.0)), tolerance_s=0.01, least=0.3),
    Case("cut_half.avi", ((0.0, 1.6),), tolerance_s=0.1, status="partial", share=0.53),
    Case("ipcam.mjpeg", ((0.0, 0.8),), tolerance_s=0.3),
    Case("anim.gif", ((0.0, 2.0),), tolerance_s=0.5),
    Case("bframes_h264.avi", CLIP),
    Case("longaudio.flv", TWO_SECONDS, tolerance_s=0.11),
    Case("longaudio.wmv", TWO_SECONDS, tolerance_s=0.11),
    Case("longaudio.mpg", TWO_SECONDS, tolerance_s=0.11),
    Case("all_pts_zero.mkv", CLIP),
)
NAMES = [case.name for case in CASES]


@dataclass(frozen=True)
class IndexedCases:
    """Archive of the folder, the report of its run, and a search for the person."""

    folder: Path
    archive: Archive
    report: IndexReport
    result: SearchResult
    models: LoadedPack
    face: Vector

    def hits(self, case: Case) -> list[Hit]:
        """Return the strong hits in a file, by time."""
        hits = [hit for hit in self.result.hits if Path(hit.video).name == case.name]
        strong = [hit for hit in hits if hit.confidence >= case.least]
        return sorted(strong, key=lambda hit: hit.span.start_s)

    def shows_the_person(self, image: Image, box_xyxy: Vector) -> bool:
        """Return True if the face in a box of an image is the person's."""
        left, top, right, bottom = box_xyxy
        width, height = (right - left) / 2, (bottom - top) / 2
        y0, x0 = max(int(top - height), 0), max(int(left - width), 0)
        crop = image[y0 : int(bottom + height), x0 : int(right + width)]
        found = embed_photo(np.ascontiguousarray(crop), self.models, choose_largest)
        if found is None:
            return False
        similarity = float(normalise(found.embedding[None])[0] @ self.face)
        return float(self.models.calibration.confidence(np.array([similarity]))[0]) > 0.5


@pytest.fixture(scope="module")
def cases(media: Path, tmp_path_factory: pytest.TempPathFactory) -> IndexedCases:
    folder = Path(os.environ.get("VIDSEARCH_CASES", media.parent / "cases"))
    if not folder.is_dir():
        pytest.skip(f"the folder of odd files is not at {folder}; set VIDSEARCH_CASES")
    root = tmp_path_factory.mktemp("cases") / "catalog"
    report = index(root, [folder], cluster=ClusterConfig(workers=1))
    archive = Archive.open(root)
    photo = media / "photos" / "face_recognition" / "lin-manuel-miranda.png"
    models = load_pack("open", resolve_device("cpu"))
    from vidsearch.photo.open import read_photo

    face = embed_photo(read_photo(photo), models, choose_largest)
    assert face is not None
    unit = normalise(face.embedding[None])[0]
    return IndexedCases(folder, archive, report, archive.search(photo), models, unit)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_spans(cases: IndexedCases, case: Case) -> None:
    spans: list[tuple[float, float]] = []
    for hit in cases.hits(case):
        start_s, end_s = hit.span.start_s, hit.span.end_s
        if spans and spans[-1][1] == start_s:  # two tracks that meet are one appearance
            start_s = spans.pop()[0]
        spans.append((start_s, end_s))
    assert len(spans) == len(case.spans), spans
    for found, right in zip(spans, case.spans, strict=True):
        assert found == pytest.approx(right, abs=case.tolerance_s + 0.005)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_status(cases: IndexedCases, case: Case) -> None:
    columns = ["uri", "status", "duration_s", "read_s", "failure"]
    rows = cases.archive.catalog.videos(columns=columns).to_pylist()
    row = next(row for row in rows if Path(row["uri"]).name == case.name)
    assert row["status"] == case.status, row["failure"]
    share = row["read_s"] / row["duration_s"]
    assert share == pytest.approx(case.share if case.share is not None else 1.0, abs=0.01)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_still_shows_the_person(cases: IndexedCases, case: Case) -> None:
    hits = cases.hits(case)
    assert hits
    for hit in hits:
        image = still(hit.video, hit.best_s, hit.read)
        assert cases.shows_the_person(image, hit.box_xyxy)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_player_shows_the_person(cases: IndexedCases, case: Case) -> None:
    cutter = ClipCutter()
    hits = cases.hits(case)
    assert hits
    for hit in hits:
        playing = cutter.play(hit.video, hit.span.start_s, hit.span.end_s, hit.read)
        frame = next(
            image
            for image, time_s in _shown(playing.served.path, playing.offset_s)
            if time_s >= hit.best_s - FRAME_S / 2
        )
        original = still(hit.video, hit.best_s, hit.read)
        scale = frame.shape[1] / original.shape[1]
        assert cases.shows_the_person(frame, (hit.box_xyxy * scale).astype(np.float32))


def _shown(path: Path, offset_s: float) -> Iterator[tuple[Image, float]]:
    """Yield the frames that a browser shows, with their times in the video."""
    with av.open(str(path)) as container:
        start = container.start_time or 0
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            time_s = float(frame.pts * frame.time_base) - start / av.time_base + offset_s
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), time_s


def test_every_entry_is_accounted_for(cases: IndexedCases) -> None:
    """A joined MP4 names its unreachable part; no file of the folder is passed over in silence."""
    rows = cases.archive.catalog.videos(columns=["uri", "status", "failure"]).to_pylist()
    joined = next(row for row in rows if Path(row["uri"]).name == "joined_by_cat.mp4")
    assert joined["status"] == "partial"
    assert "index" in joined["failure"]
    passed_over = cases.report.to_json()["passed_over"]
    files = [path for path in cases.folder.rglob("*") if path.is_file()]
    indexed = {row["uri"] for row in rows}
    left_out = [path for path in files if str(path) not in indexed]
    assert sum(passed_over.values()) == len(left_out)
    assert passed_over[".csv"] == sum(path.suffix == ".csv" for path in left_out)
