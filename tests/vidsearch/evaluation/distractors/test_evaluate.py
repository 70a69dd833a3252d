"""MegaFace and Trillion-Pairs from files: figures, noise lists, a cluster, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidsearch.commands.main import main
from vidsearch.evaluation.distractors import measure


@pytest.fixture
def files(tmp_path: Path, rng: np.random.Generator) -> dict[str, Path]:
    centres = rng.normal(size=(6, 16))
    probes = np.repeat(centres, 3, axis=0) + rng.normal(scale=0.35, size=(18, 16))
    gallery = rng.normal(size=(400, 16))
    gallery[7] = probes[0]  # a wrong label: "distractor" of the first subject
    np.save(tmp_path / "probes.npy", probes.astype(np.float32))
    np.save(tmp_path / "gallery.npy", gallery.astype(np.float32))
    listed = "".join(f"p{row}.jpg s{row // 3}\n" for row in range(18))
    (tmp_path / "probes.txt").write_text(listed)
    (tmp_path / "gallery.txt").write_text("".join(f"g{row}.jpg\n" for row in range(400)))
    (tmp_path / "noise.txt").write_text("g7.jpg\n")
    return {path.name: path for path in tmp_path.iterdir()}


def command(files: dict[str, Path], *more: str, protocol: str = "megaface") -> list[str]:
    out = files["probes.npy"].parent / "out"
    return [
        "evaluate",
        "distractors",
        protocol,
        "--probes",
        str(files["probes.npy"]),
        "--probe-list",
        str(files["probes.txt"]),
        "--gallery",
        str(files["gallery.npy"]),
        "--gallery-list",
        str(files["gallery.txt"]),
        "--out",
        str(out),
        *more,
    ]


def metrics(files: dict[str, Path]) -> dict[str, Any]:
    path = files["probes.npy"].parent / "out" / "metrics.json"
    found: dict[str, Any] = json.loads(path.read_text())["metrics"]
    return found


def expected_rank_1(files: dict[str, Path], without: int | None) -> float:
    unit = {
        name: (rows := np.load(files[f"{name}.npy"])) / np.linalg.norm(rows, axis=1, keepdims=True)
        for name in ("probes", "gallery")
    }
    gallery = unit["gallery"] if without is None else np.delete(unit["gallery"], without, axis=0)
    worst = (unit["probes"] @ gallery.T).max(axis=1)
    mates = unit["probes"] @ unit["probes"].T
    hits = [
        mates[i, j] > worst[i] for i in range(18) for j in range(18) if i != j and i // 3 == j // 3
    ]
    return float(np.mean(hits))


def test_tail_of_the_roc(files: dict[str, Path]) -> None:
    assert main(command(files, "--far", "0.01")) == 0
    curve = metrics(files)["all"]["roc"]
    probes, gallery = (np.load(files[f"{name}.npy"]) for name in ("probes", "gallery"))
    probes, gallery = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (probes, gallery))
    impostors = np.sort((probes @ gallery.T).ravel())[::-1]
    mates = probes @ probes.T
    genuine = np.array(
        [mates[i, j] for i in range(18) for j in range(18) if i != j and i // 3 == j // 3]
    )
    assert curve["far"][0] == 0
    assert curve["far"][-1] == pytest.approx(72 / 7200)  # all that were allowed
    for far, tar in zip(curve["far"], curve["tar"], strict=True):
        accepts = round(far * len(impostors))
        assert tar == pytest.approx((genuine > impostors[accepts]).mean())
    assert curve["tar"] == sorted(curve["tar"])
    folder = files["probes.npy"].parent / "out" / "figures"
    assert {path.name for path in folder.iterdir()} >= {"figure-8-cmc.svg", "figure-8-roc.svg"}


def test_with_and_without_noise(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "PART_ROWS", 150)
    assert main(command(files, "--noise", str(files["noise.txt"]), "--far", "1e-3")) == 0
    found = metrics(files)
    assert found["all"]["rank_k"][0] == pytest.approx(expected_rank_1(files, None))
    assert found["R"]["rank_k"][0] == pytest.approx(expected_rank_1(files, 7))
    assert found["R"]["rank_k"][0] > found["all"]["rank_k"][0]
    assert (found["all"]["impostors"], found["R"]["impostors"]) == (18 * 400, 18 * 399)
    assert found["all"]["genuine"] == 6 * 3 * 2
    assert "Rank-1, R" in capsys.readouterr().out


def test_noise_is_left_out_of_both_lists(files: dict[str, Path]) -> None:
    # The first gallery image and the first probe have one name, so a noise list names both.
    names = files["gallery.txt"].read_text().replace("g0.jpg\n", "p0.jpg\n")
    files["gallery.txt"].write_text(names)
    files["noise.txt"].write_text("p0.jpg\n")
    assert main(command(files, "--noise", str(files["noise.txt"]), "--far", "1e-3")) == 0
    found = metrics(files)["R"]
    assert (found["probes"], found["impostors"], found["genuine"]) == (17, 17 * 399, 5 * 6 + 2)


def test_mates_in_the_gallery(files: dict[str, Path]) -> None:
    lines = "".join(f"g{row}.jpg {'s0' if row == 7 else 'x'}\n" for row in range(400))
    files["gallery.txt"].write_text(lines)
    assert main(command(files, "--gallery-subjects", protocol="trillion-pairs")) == 0
    found = metrics(files)["all"]
    assert found["genuine"] == 3  # row 7 against the three probes of s0
    assert found["impostors"] == 18 * 400 - 3


def test_over_a_cluster(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(measure, "PART_ROWS", 100)
    assert main(command(files)) == 0
    alone = metrics(files)
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        assert main(command(files, "--scheduler", cluster.scheduler_address)) == 0
    assert metrics(files) == alone


def test_bad_input(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(*more: str) -> str:
        assert main(command(files, *more)) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    original = files["probes.txt"].read_text()
    for text, message in (
        (original.replace("p4.jpg s1", "p4.jpg"), "probes.txt, line 5: expected 'image subject'"),
        (original.replace("p4.jpg", "p3.jpg"), "line 5: expected a new image (line 4 has it)"),
        (original + "p99.jpg s9\n", "must name the 18 rows of its vectors; got 19"),
    ):
        files["probes.txt"].write_text(text)
        assert message in complaint()
    files["probes.txt"].write_text(original)
    files["noise.txt"].write_text("g7.jpg\nwho.jpg\n")
    message = "noise.txt, line 2: expected an image of the probe or gallery list"
    assert message in complaint("--noise", str(files["noise.txt"]))
    rows = np.load(files["gallery.npy"])
    rows[300, 2] = np.nan
    np.save(files["gallery.npy"], rows)
    assert "gallery rows from 0 must be finite and not zero; row 300" in complaint()
    np.save(files["gallery.npy"], rows[:, :8])
    assert "probes.npy has 16 numbers per row, gallery.npy 8" in complaint()
    np.save(files["gallery.npy"], np.array([{"evil": 1}]), allow_pickle=True)
    assert "gallery.npy is not a .npy file of numbers" in complaint()
    assert "--far must lie in [0, 1]; got 2.0" in complaint("--far", "2")
