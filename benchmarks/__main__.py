"""Run every measurement that needs nothing but the real media: ``make bench``."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.media import media_folder

MEASUREMENTS = ("evaluation.lfw", "pipeline.speed", "pipeline.cuts", "index.catalog_scale")


def main() -> None:
    media_folder()
    for name in MEASUREMENTS:
        print(f"\n== benchmarks.{name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
