"""Identification on folders of photos: real faces, and errors of one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vidsearch.commands.main import main
from vidsearch.evaluation.report import read_report


@pytest.fixture
def folders(media: Path, tmp_path: Path) -> Path:
    """Two people in both folders, one only among the probes, one only enrolled."""
    chosen: dict[str, dict[str, tuple[int, ...]]] = {
        "gallery": {"Abel_Pacheco": (1, 2), "Adrien_Brody": (1,), "Aaron_Eckhart": (1,)},
        "probes": {"Abel_Pacheco": (3, 4), "Adrien_Brody": (2, 3), "Alejandro_Toledo": (1, 2)},
    }
    for folder, people in chosen.items():
        for name, numbers in people.items():
            (tmp_path / folder / name).mkdir(parents=True)
            for number in numbers:
                photo = f"{name}/{name}_{number:04d}.jpg"
                shutil.copyfile(media / "lfw" / photo, tmp_path / folder / photo)
    return tmp_path


def command(folder: Path, *more: str) -> list[str]:
    return [
        "evaluate",
        "identification",
        str(folder / "gallery"),
        str(folder / "probes"),
        "--processes",
        "1",
        "--device",
        "cpu",
        "--out",
        str(folder / "out"),
        *more,
    ]


@pytest.mark.media
def test_real_faces(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(folders)) == 0
    assert "rank-1" in capsys.readouterr().out
    found = json.loads((folders / "out" / "metrics.json").read_text())["metrics"]
    assert (found["enrolled"], found["mated_probes"], found["non_mated_probes"]) == (3, 4, 2)
    assert found["rank_k"]["1"]["value"] == 1
    assert found["tpir_at_fpir"]["0.01"]["value"] == 1
    scores = read_report(folders / "out").scores
    assert scores is not None
    assert next(iter(scores.columns["id"])) == "gallery|Abel_Pacheco/Abel_Pacheco_0003.jpg"
    # Taken together, each person is one search; a broken photo is left out and named.
    (folders / "probes" / "Adrien_Brody" / "x.jpg").write_bytes(b"no picture")
    (folders / "probes" / "Adrien_Brody" / ".x.jpg").write_bytes(b"hidden")
    enrolled = next((folders / "gallery" / "Adrien_Brody").iterdir())
    (folders / "probes" / "Adrien_Brody" / "y.jpg").write_bytes(enrolled.read_bytes())
    assert main(command(folders, "--photos", "together")) == 3
    document = json.loads((folders / "out" / "metrics.json").read_text())
    found = document["metrics"]
    assert [(group["reason"], group["count"]) for group in document["left_out"]] == [
        ("photo unreadable", 1)
    ]
    assert [(group["reason"], group["count"]) for group in document["remarks"]] == [
        ("excluded by default", 1),
        ("the same file is in the gallery, counted all the same", 1),
    ]
    assert (found["mated_probes"], found["non_mated_probes"]) == (2, 1)
    assert found["rank_k"]["1"]["value"] == 1


def test_wrong_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def complaint() -> str:
        assert main(command(tmp_path)) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert not (tmp_path / "out").exists()
        return error

    assert "gallery cannot be read (No such file" in complaint()
    (tmp_path / "gallery").mkdir()
    (tmp_path / "probes").mkdir()
    assert "gallery has no sub-folder; expected <person>/<photo>" in complaint()
    (tmp_path / "gallery" / "Ann").mkdir()
    assert "has no photo of 'Ann' (1 such people)" in complaint()
    (tmp_path / "gallery" / "Ann" / "1.jpg").touch()
    (tmp_path / "probes" / "Bob").mkdir()
    (tmp_path / "probes" / "Bob" / "1.jpg").touch()
    assert "a person needs the same folder name in both" in complaint()
