"""The ArcFace paper's Figures 7, 8 and 9 from LFW.

    python -m benchmarks.evaluation.lfw_figures OUT [--model open ...] [--processes 2]

Figures 7 and 9 show the 6,000 pairs. For Figure 8 the people of LFW with three photos or more are
MegaFace's probes (the first three photos of each), and the people with one photo are its
distractors. OUT gets the reports and ``figures``, and keeps the embeddings.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from benchmarks.media import media_folder
from vidsearch.commands.main import main as vidsearch
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions, embed_photos

PROBES_EACH = 3

NOISE = (
    "Carlos_Ruckauf_0001",
    "Mireya_Elisa_Moscoso_Rodriguez_0001",
    "Sung_Hong_Choi_0001",
    "Wang_Nan_0001",
    "Yingfan_Wang_0001",
)
"""Distractors that show a probe's person under another name: seen among the most similar pairs."""


def photos_of(lfw: Path) -> tuple[list[Path], list[Path]]:
    """Return the photos of probes and of distractors."""
    probes: list[Path] = []
    distractors: list[Path] = []
    for person in sorted(folder for folder in lfw.iterdir() if folder.is_dir()):
        photos = sorted(person.glob("*.jpg"))
        if len(photos) >= PROBES_EACH:
            probes += photos[:PROBES_EACH]
        elif len(photos) == 1:
            distractors += photos
    return probes, distractors


def embed(photos: list[Path], out: Path, model: str, processes: int, *, subjects: bool) -> None:
    """Write ``out.npy`` and ``out.txt`` of the photos with a face, unless they exist."""
    if out.with_suffix(".npy").exists():
        return
    found = embed_photos(
        photos, EmbeddingOptions(model=model, processes=processes, show_progress=True)
    )
    there = [photo for photo, good in zip(photos, found.found, strict=True) if good]
    print(f"{out.name}: {len(photos)} photos, {len(photos) - len(there)} without a face")
    lines = [f"{p.stem} {p.parent.name}" if subjects else p.stem for p in there]
    out.with_suffix(".txt").write_text("".join(f"{line}\n" for line in lines))
    np.save(out.with_suffix(".npy"), found.raw[found.found])


def run(*arguments: str | Path) -> None:
    """Run a command of vidsearch; exit if it fails."""
    status = vidsearch([str(argument) for argument in arguments])
    if status:
        raise SystemExit(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", action="append", help="pack (open); repeatable")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    media = media_folder()
    probes, distractors = photos_of(media / "lfw")
    reports: list[str | Path] = []
    for model in args.model or ["open"]:
        folder = args.out / Path(model).name
        folder.mkdir(parents=True, exist_ok=True)
        pairs, megaface = folder / "lfw", folder / "distractors"
        if not pairs.exists():
            run(
                "evaluate",
                "verification",
                media / "lfw",
                "--pairs",
                media / "lfw_pairs.txt",
                "--model",
                model,
                "--processes",
                str(args.processes),
                "--out",
                pairs,
            )
        noise = folder / "noise.txt"
        noise.write_text("".join(f"{name}\n" for name in NOISE))
        for name, photos in (("probes", probes), ("gallery", distractors)):
            embed(photos, folder / name, model, args.processes, subjects=name == "probes")
        run(
            "evaluate",
            "distractors",
            "megaface",
            "--probes",
            folder / "probes.npy",
            "--probe-list",
            folder / "probes.txt",
            "--gallery",
            folder / "gallery.npy",
            "--gallery-list",
            folder / "gallery.txt",
            "--noise",
            noise,
            "--out",
            megaface,
        )
        reports += ["--report", pairs, "--report", megaface]
    run("evaluate", "figures", "--only", "7", "8", "9", *reports, "--out", args.out / "figures")


if __name__ == "__main__":
    main()
