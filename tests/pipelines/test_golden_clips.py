"""The real clips give the tracks and times that were recorded in ``golden_clips.json``.

The record was made before the reader learned to join clocks, to turn frames and to choose among
streams. To record again after a wanted change: delete the file and run this test.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import IndexConfig, index
from pipelines.cluster.config import ClusterConfig
from vidsearch.catalog import Catalog

RECORD = Path(__file__).with_name("golden_clips.json")


def tracks_of(root: Path) -> list[dict[str, Any]]:
    """Return the tracks of a catalog, sorted by video and time, with the lengths of the videos."""
    catalog = Catalog.open(root)
    videos = {row["video_id"]: row for row in catalog.videos().to_pylist()}
    rows = catalog.tracks().to_pylist()
    found = [
        {
            "video": Path(videos[row["video_id"]]["uri"]).name,
            "duration_s": videos[row["video_id"]]["duration_s"],
            "status": videos[row["video_id"]]["status"],
            "shot": row["shot"],
            "faces": row["faces"],
            "start_s": row["start_s"],
            "end_s": row["end_s"],
            "best_s": row["best_s"],
            "quality": row["quality"],
            "box_xyxy": row["box_xyxy"],
        }
        for row in rows
    ]
    return sorted(found, key=lambda row: (row["video"], row["start_s"], row["box_xyxy"]))


@pytest.mark.media
def test_the_real_clips_keep_their_tracks(media: Path, tmp_path: Path) -> None:
    index(tmp_path / "catalog", [media / "videos"], IndexConfig(), cluster=ClusterConfig(workers=1))
    found = tracks_of(tmp_path / "catalog")
    if not RECORD.exists():
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        pytest.fail(f"{RECORD.name} was missing and is recorded now")
    expected = json.loads(RECORD.read_text(encoding="utf-8"))
    assert len(found) == len(expected)
    for row, golden in zip(found, expected, strict=True):
        exact = ("video", "status", "shot", "faces", "start_s", "end_s", "best_s", "duration_s")
        assert {k: row[k] for k in exact} == {k: golden[k] for k in exact}
        # Arithmetic differs by processor in the last digits only.
        assert row["quality"] == pytest.approx(golden["quality"], abs=1e-3)
        assert row["box_xyxy"] == pytest.approx(golden["box_xyxy"], abs=0.1)
