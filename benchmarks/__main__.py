"""Run the measurements behind the figures of README.md: ``make bench``.

They need the real media only. ``python -m benchmarks --list`` prints the commands.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.media import media_folder

SPECTRUM = "{work}/templates.npz"
MEASUREMENTS: tuple[tuple[str, ...], ...] = (
    ("pipeline.speed",),
    ("evaluation.lfw",),
    ("evaluation.retrieval_lfw_clips", "--fps", "2"),
    ("index.template_spectrum", SPECTRUM),
    ("index.index_scale", "--queries", "200", "--threads", "2", "--spectrum", SPECTRUM),
)
"""Module and arguments of each measurement, in order; ``{work}`` is a temporary folder."""


def main() -> None:
    """Run every measurement; stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the commands and stop")
    if parser.parse_args().list:
        for name, *arguments in MEASUREMENTS:
            print(" ".join(["python -m", f"benchmarks.{name}", *arguments]).format(work="WORK"))
        return
    media_folder()
    # One thread per library: index_scale compares searches on one thread.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        for name, *arguments in MEASUREMENTS:
            print(f"\n== benchmarks.{name}", flush=True)
            filled = [argument.format(work=Path(work)) for argument in arguments]
            single = environment if name.startswith("index.") else None
            command = [sys.executable, "-m", f"benchmarks.{name}", *filled]
            subprocess.run(command, check=True, env=single)


if __name__ == "__main__":
    main()
