"""A worker whose host does not see the videos, in a mount and network namespace of its own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.helpers import namespaces, toy_models
from tests.helpers.videos import VideoSpec, write_video
from vidsearch import Catalog

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module", autouse=True)
def _able() -> None:
    reason = namespaces.missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return toy_models.save_own_pack(tmp_path / "pack")


def films(folder: Path, numbers: range) -> Path:
    """Write a folder of short videos, each with a content of its own: black frames, no face."""
    folder.mkdir(parents=True)
    frames = [np.zeros((96, 128, 3), np.uint8)] * 4
    for number in numbers:
        path = folder / f"{number}.mp4"
        write_video(path, VideoSpec(frames=4), frames)
        with path.open("ab") as file:
            file.write(bytes([0, 0, 0, 9, *b"free", number]))
    return folder


@pytest.mark.slow
def test_a_host_without_the_videos_costs_none_of_them(
    tmp_path: Path, pack: Path, processes: ModuleType
) -> None:
    unseen, part = films(tmp_path / "unseen", range(8)), films(tmp_path / "part/seen", range(6))
    hidden = films(tmp_path / "part/hidden", range(6, 12))
    with namespaces.two_hosts(tmp_path, [unseen, hidden]) as cluster:
        # Before work: host B sees none of the videos.
        catalog = tmp_path / "catalog-1"
        command = ["index", catalog, unseen, "--model", pack, "--scheduler", cluster.scheduler]
        status, out, err = cluster.run(*command)
        assert status == 0, err
        assert "Indexed 8 videos" in out
        assert f"{unseen}/" in out.splitlines()[-1]
        (warning,) = err.splitlines()
        assert "gets no work: '" in warning
        assert "does not exist" in warning
        events = processes.events(catalog)
        assert [e["message"] in warning for e in events if e["event"] == "left_out"] == [True]
        assert {e["worker"] for e in events if e["event"] == "video"} == {"worker-a"}
        # During work: host B sees some of the videos; the others move to host A.
        catalog = tmp_path / "catalog-2"
        log = tmp_path / "run.log"
        command = ["index", catalog, part.parent, "--model", pack, "--json", "--log", log]
        status, out, err = cluster.run(*command, "--scheduler", cluster.scheduler)
        assert status == 0, err
        assert json.loads(out)["videos"] == {"indexed": 12, "skipped": 0, "failed": 0}
        assert Catalog.open(catalog).status().videos["indexed"] == 12
        events = processes.events(catalog)
        done_by = Counter(
            (Path(e["video"]).parent.name, e["worker"]) for e in events if e["event"] == "video"
        )
        assert done_by["hidden", "worker-a"] == 6
        assert done_by["hidden", "worker-b"] == 0
        moved = [e for e in events if e["event"] == "moved"]
        assert {e["worker"] for e in moved} <= {"worker-b"}
        for event in moved:
            assert f"(worker worker-b): '{event['video']}' does not exist" in event["message"]
        assert "worker=worker-a host=" in log.read_text()
