"""The command itself: two processes, killed, gone on with one; and what it says to mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.training_sets import synthetic_people, tiny_config, write_prepared
from trainer.config.toml import override, to_toml
from trainer.training.checkpoint import checkpoints
from vidsearch.commands.main import main

STEPS, KILLED_AFTER = 60, 20
# Half of the pairs show one person: chance is 0.5.
CHANCE, STATED_MARGIN = 0.5, 0.2


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared(folder, synthetic_people(people=10), synthetic_people(people=8, seed=99))
    return folder


def command(config: Path, data: Path, out: Path) -> list[str]:
    return ["-m", "trainer", str(config), str(data), "--out", str(out), "--resume", "--json"]


def write_config(folder: Path) -> Path:
    settings = [
        "keep.checkpoint_every=10",
        "validation.every=30",
        "speed.threads=1",
        "validation.pairs=100",
    ]
    path = folder / "config.toml"
    path.write_text(to_toml(override(tiny_config(steps=STEPS, batch=20), settings)))
    return path


def losses(run: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


@pytest.mark.slow
def test_two_processes_killed_and_gone_on_with_one(prepared: Path, tmp_path: Path) -> None:
    config, run = write_config(tmp_path), tmp_path / "run"
    together = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            *command(config, prepared, run),
        ],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 240
    while not checkpoints(run) or int(checkpoints(run)[-1].name[5:]) < KILLED_AFTER:
        assert together.poll() is None, together.communicate()[1].decode()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(together.pid, signal.SIGKILL)
    together.communicate()
    kept = checkpoints(run)[-1]
    manifest = json.loads((kept / "manifest.json").read_text())
    assert [part[1:] for part in manifest["head"]] == [[0, 5], [5, 10]]
    before = losses(run)

    alone = subprocess.run(
        [sys.executable, "-W", "ignore", *command(config, prepared, run)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 0, alone.stderr
    report = json.loads(alone.stdout)
    assert (report["ended"], report["step"]) == ("finished", STEPS)
    after = losses(run)
    assert list(after) == list(range(1, STEPS + 1))
    # What two processes had done up to the checkpoint is still there.
    assert all(after[step] == before[step] for step in range(1, manifest["step"] + 1))
    first = sum(after[step] for step in range(1, 6))
    last = sum(after[step] for step in range(STEPS - 4, STEPS + 1))
    assert last < 0.5 * first
    assert report["accuracy"] > CHANCE + STATED_MARGIN


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "name a recipe (casia_r50_arcface,"),
        (["nonsense", "DATA", "--out", "RUN"], "'nonsense' is neither a recipe nor a file"),
        (["small_from_scratch", "DATA"], "--out RUN is missing"),
        (["small_from_scratch", "--out", "RUN"], "no training set; name it after the recipe"),
        (["small_from_scratch", "nowhere", "--out", "RUN"], "nowhere does not exist"),
        (
            ["small_from_scratch", "DATA", "--out", "RUN"],
            "takes 112 (arcface_112): make the set",
        ),
        (["small_from_scratch", "DATA", "--loss", "x", "--out", "RUN"], "loss must be one of"),
        (["small_from_scratch", "DATA", "--set", "lr=1", "--out", "RUN"], "there is no field 'lr'"),
        (["small_from_scratch", "DATA", "--out", "RUN", "--device", "cuda:7"], "device 'cuda:7'"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    complaint: str,
    prepared: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"DATA": str(prepared), "RUN": str(tmp_path / "run"), "nowhere": "/no/nowhere"}
    assert main(["train", *(places.get(word, word) for word in arguments)]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.startswith("vidsearch: ")
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_recipes_are_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--recipes"]) == 0
    assert "ms1mv2_r100_arcface" in capsys.readouterr().out
    assert main(["train", "casia_r50_arcface", "--set", "optim.lr=0.2", "--print-config"]) == 0
    assert "lr = 0.2" in capsys.readouterr().out
