"""Indexing against a plain loop: frames per CPU-second, people found, memory.

    python -m benchmarks.pipeline.speed [--rounds 3]

The plain loop: OpenCV, every frame, every face, the same models in the same single-threaded ONNX
Runtime, one process. Each measurement is a process of its own, the two in turn. "People" are groups
of the plain loop's faces that are certainly one person (confidence at least 0.9) and seen in five
frames or more. A person is lost if no track of ours is likely (0.5) to show this person.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.media import join, media_folder
from vidsearch.device import resolve_device
from vidsearch.faces.geometry.align import align_faces
from vidsearch.faces.template import normalise
from vidsearch.models.registry import load_pack


def plain_loop(path: str) -> dict[str, Any]:
    """Detect and embed every face of every frame."""
    import cv2

    cv2.setNumThreads(1)
    models = load_pack("open", resolve_device("cpu"))
    started = time.process_time()
    capture = cv2.VideoCapture(path)
    frames, embeddings = 0, []
    while True:
        there, bgr = capture.read()
        if not there:
            break
        frames += 1
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        found = models.detector.detect(np.asarray(rgb, np.uint8))
        aligned = align_faces(np.asarray(rgb, np.uint8), found.landmarks, models.embedder.template)
        embeddings.append(models.embedder.embed(aligned))
    return _result(started, frames, np.concatenate(embeddings))


def ours(path: str) -> dict[str, Any]:
    """Run the stage of a worker."""
    import cv2

    from pipelines.stages import index_video
    from pipelines.stages.options import IndexConfig
    from vidsearch.catalog import IndexedVideo
    from vidsearch.video.discover import discover

    cv2.setNumThreads(1)
    models = load_pack("open", resolve_device("cpu"))
    (source,) = discover([path]).videos
    started = time.process_time()
    outcome = index_video.run(source, models, IndexConfig())
    assert isinstance(outcome, IndexedVideo), outcome
    templates = np.stack([track.template.vector for track in outcome.tracks])
    return _result(started, outcome.video.frames_decoded, templates)


def _result(started: float, frames: int, vectors: np.ndarray) -> dict[str, Any]:
    return {
        "cpu_s": time.process_time() - started,
        "frames": frames,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "vectors": vectors.tolist(),
    }


def people_lost(plain: list[list[float]], tracks: list[list[float]]) -> tuple[int, int]:
    """Return the number of people in the plain loop's faces, and of those in no track."""
    calibration = load_pack("open", resolve_device("cpu")).calibration
    faces = normalise(np.array(plain, np.float32))
    ours_ = np.array(tracks, np.float32)
    left = np.ones(len(faces), bool)
    people = lost = 0
    while left.any():
        seed = int(np.flatnonzero(left)[0])
        group = left & (calibration.confidence(faces @ faces[seed]) >= 0.9)
        group[seed] = True
        left &= ~group
        if group.sum() < 5:
            continue
        people += 1
        centre = normalise(faces[group].mean(axis=0, keepdims=True))[0]
        lost += bool(np.max(calibration.confidence(ours_ @ centre)) < 0.5)
    return people, lost


def measure(kind: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.pipeline.speed", "--run", kind, str(path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(finished.stdout)
    return result


def compare(name: str, path: Path, rounds: int) -> None:
    ratios, speeds, last = [], {"plain": [], "ours": []}, {}  # type: ignore[var-annotated]
    for _ in range(rounds):
        for kind in ("plain", "ours"):
            last[kind] = measure(kind, path)
            speeds[kind].append(last[kind]["frames"] / last[kind]["cpu_s"])
        ratios.append(speeds["ours"][-1] / speeds["plain"][-1])
    people, lost = people_lost(last["plain"]["vectors"], last["ours"]["vectors"])
    print(
        f"| {name} | {last['ours']['frames']} | {statistics.median(speeds['plain']):.1f} "
        f"| {statistics.median(speeds['ours']):.0f} | {statistics.median(ratios):.1f} "
        f"({min(ratios):.1f} to {max(ratios):.1f}) | {people} | {lost} "
        f"| {last['ours']['peak_mib']:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", nargs=2, metavar=("KIND", "PATH"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run is not None:
        kind, path = args.run
        print(json.dumps(plain_loop(path) if kind == "plain" else ours(path)))
        return
    videos = media_folder() / "videos"
    hamilton = videos / "short_hamilton_clip.mp4"
    portraits = [videos / f"liveportrait_d{n}.mp4" for n in (5, 7, 8)]
    print("| file | frames | plain, frames/CPU-s | ours | ratio | people | lost | peak MiB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        compare("Hamilton clip, 640x360, 9 s", hamilton, args.rounds)
        minute = Path(folder) / "minute.mp4"
        join([hamilton, *portraits, hamilton, *portraits], minute, size_wh=(640, 360))
        compare("joined clips, 640x360, 58 s", minute, args.rounds)
        large = Path(folder) / "large.mp4"
        join([hamilton, *portraits, hamilton, *portraits], large, size_wh=(1920, 1080))
        compare("the same upscaled to 1920x1080", large, args.rounds)


if __name__ == "__main__":
    main()
