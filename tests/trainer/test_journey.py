"""From photos to a searched archive, with the commands that a user types.

The steps: prepare, train on two processes, kill them, resume on one, export, index, search, and
re-embed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.demo.camera_moves import CameraMove, DemoVideo
from pipelines.demo.people import PEOPLE, load_pictures
from pipelines.demo.render import render_photos, render_video
from trainer.training.checkpoint import checkpoints
from vidsearch.catalog import Catalog
from vidsearch.commands.main import main
from vidsearch.datatypes import Image

STEPS, KILLED_AFTER, PHOTOS = 40, 10, 8
# Half of the pairs are genuine: chance is 0.5.
CHANCE, STATED_MARGIN = 0.5, 0.2
TIMEOUT_S = 240  # for one command, on a busy machine

SETTINGS = (
    "device=cpu",
    f"steps={STEPS}",
    "batch=20",
    "seed=3",
    "backbone.name=iresnet_tiny",
    "backbone.options.width=0.125",
    "backbone.embedding_size=32",
    "optim.lr=0.05",
    "schedule.warmup_steps=4",
    "validation.every=20",
    "keep.checkpoint_every=5",
    "keep.log_every=1",
    "keep.tensorboard=false",
    "speed.threads=1",
)

FILM = DemoVideo(
    "astronaut.mp4",
    "libx264",
    (
        CameraMove("astronaut", 1.5, (230, 150, 440), (225, 140, 330)),
        CameraMove("group", 1.5, (520, 330, 330), (525, 332, 320)),
    ),
)


def varied_photo(picture: Image, face_xyxy: tuple[float, ...], number: int) -> Image:
    """Return a varied photo of a face: rotated, scaled, and with another brightness."""
    rng = np.random.default_rng(number)
    x1, y1, x2, y2 = face_xyxy
    room = 0.5 + 0.3 * rng.random()
    wide, high = x2 - x1, y2 - y1
    left, top = max(int(x1 - room * wide), 0), max(int(y1 - room * high), 0)
    view = picture[top : int(y2 + room * high), left : int(x2 + room * wide)].copy()
    middle = (view.shape[1] / 2, view.shape[0] / 2)
    turn = cv2.getRotationMatrix2D(middle, float(rng.uniform(-12, 12)), 1.0)
    view = np.asarray(cv2.warpAffine(view, turn, view.shape[1::-1], borderMode=1), np.uint8)
    light = view * rng.uniform(0.7, 1.1) + rng.normal(0, 4, view.shape)
    return np.asarray(light.clip(0, 255), np.uint8)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    pictures = load_pictures()
    for person in PEOPLE:
        (folder / person.slug).mkdir()
        for number in range(PHOTOS):
            photo = varied_photo(pictures[person.picture], person.face_xyxy, number)
            cv2.imwrite(str(folder / person.slug / f"{number}.png"), photo[..., ::-1])
    return folder


def losses(run: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


KILLED = f"""
import os, signal, sys
from trainer.training import loop
from vidsearch.commands.main import main

save_checkpoint = loop.save_checkpoint

def save_and_die(run, name, *arguments, **options):
    save_checkpoint(run, name, *arguments, **options)
    if name == "step-{KILLED_AFTER:08d}":
        os.kill(os.getppid(), signal.SIGKILL)  # torchrun, which would stop the other process
        os.kill(os.getpid(), signal.SIGKILL)

loop.save_checkpoint = save_and_die
sys.exit(main(["train", *sys.argv[1:]]))
"""


def killed_midway(arguments: list[str], folder: Path) -> None:
    """Train on two processes, which are killed right after a checkpoint."""
    script = folder / "killed.py"
    script.write_text(KILLED)
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
            str(script),
            *arguments,
        ],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        _, errors = together.communicate(timeout=TIMEOUT_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(together.pid, signal.SIGKILL)
    assert together.returncode == -signal.SIGKILL, errors.decode()[-2000:]


def test_from_photos_to_a_searched_archive(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces, run, pack = tmp_path / "faces", tmp_path / "run", tmp_path / "my-pack"
    prepare = ["prepare", str(raw), str(faces), "--held-out", "0.4", "--keep-duplicates"]
    assert main([*prepare, "--keep-poor", "--workers", "1", "--licence", "CC0-1.0", "--json"]) == 0
    prepared = json.loads(capsys.readouterr().out)
    assert prepared["identities"] == {"train": 5, "held_out": 3}

    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    arguments = [
        "small_from_scratch",
        str(faces),
        "--out",
        str(run),
        *settings,
        "--resume",
        "--export",
        str(pack),
        "--json",
    ]
    killed_midway(arguments, tmp_path)
    latest = checkpoints(run)[-1]
    assert latest.name == f"step-{KILLED_AFTER:08d}"
    manifest = json.loads((latest / "manifest.json").read_text())
    assert [part[1:] for part in manifest["head"]] == [[0, 2], [2, 5]]
    before = losses(run)
    assert not pack.exists()

    alone = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "trainer", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert alone.returncode == 0, alone.stderr
    report = json.loads(alone.stdout)
    assert (report["ended"], report["step"]) == ("finished", STEPS)
    after = losses(run)
    assert list(after) == list(range(1, STEPS + 1))
    # The steps of the two processes up to the checkpoint are kept.
    assert all(after[step] == before[step] for step in range(1, manifest["step"] + 1))
    first = sum(after[step] for step in range(1, 6))
    last = sum(after[step] for step in range(STEPS - 4, STEPS + 1))
    assert last < 0.7 * first
    assert report["accuracy"] > CHANCE + STATED_MARGIN
    assert report["pack"]["onnx_difference"] < 1e-4
    assert report["pack"]["accuracy"] > CHANCE + STATED_MARGIN

    search_and_reembed(pack, tmp_path, capsys)


def search_and_reembed(pack: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = load_pictures()
    render_video(folder / FILM.name, FILM, pictures)
    render_photos(folder / "photos", pictures)
    photo, catalog = str(folder / "photos" / "astronaut.jpg"), str(folder / "catalog")
    index = ["index", catalog, str(folder / FILM.name), "--workers", "1", "--model", str(pack)]
    assert main([*index, "--json"]) == 0
    indexed = json.loads(capsys.readouterr().out)
    assert indexed["tracks"] >= 2
    model_id = Catalog.open(catalog).model_id
    assert model_id.startswith("my-pack-")
    assert main(["search", catalog, photo, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model_id"] == model_id
    assert len(found["hits"]) == indexed["tracks"]

    assert main(["reembed", catalog, "--model", "open", "--workers", "1", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["live"], again["tracks"]) == (True, indexed["tracks"])
    assert main(["search", catalog, photo, "--json"]) == 0
    best = json.loads(capsys.readouterr().out)["hits"][0]
    assert best["start_s"] < 1.5  # the first shot is hers, and `open` knows it
    assert best["confidence"] > 0.5
