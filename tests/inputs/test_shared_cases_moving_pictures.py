"""Camera streams, an animation and a recorder's file, from reports about software of this kind."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.inputs.conftest import CasesSearch
from vidsearch.faces.geometry.boxes import iou_matrix
from vidsearch.models.registry import LoadedPack
from vidsearch.video.clips import cut_clip
from vidsearch.video.stills import still

pytestmark = pytest.mark.media

# File, frames, end of the only appearance.
CASES = {"ipcam.mjpeg": (20, 0.8), "anim.gif": (16, 2.01), "nvr.dav": (60, 2.0)}


def test_he_is_found_in_moving_pictures(
    search_cases: CasesSearch, models: LoadedPack, tmp_path: Path
) -> None:
    found = search_cases(*CASES)
    rows = {Path(row["uri"]).name: row for row in found.archive.catalog.videos().to_pylist()}
    for name, (frames, end_s) in CASES.items():
        (hit,) = found.hits[name]
        assert rows[name]["frames_decoded"] == frames
        assert found.spans(name) == [pytest.approx((0.0, end_s), abs=0.05)]
        assert hit.confidence > 0.9
        image = still(hit.video, hit.best_s, hit.read)
        boxes = models.detector.detect(image).boxes_xyxy
        assert iou_matrix(hit.box_xyxy[None].astype(np.float32), boxes).max() > 0.8
        clip = tmp_path / f"{name}.mp4"
        cut_clip(hit.video, hit.span.start_s, hit.span.end_s, clip)
        with av.open(str(clip)) as container:
            assert sum(1 for _ in container.decode(video=0)) >= frames - 1
