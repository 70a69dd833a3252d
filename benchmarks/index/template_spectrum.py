"""Templates of real photos: the spectrum of the random archives of ``index_scale``.

    python -m benchmarks.index.template_spectrum OUT.npz [FOLDER] [--photos 3000] [--model open]

FOLDER (default: LFW of the tests' media) holds one folder of photos per person. The first photo of
each is taken, so the variance is mostly that between people. OUT holds ``vectors``, one row per
photo with a face.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.evaluation.photo_templates import photo_templates
from benchmarks.media import media_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, help="npz file to write")
    parser.add_argument("folder", type=Path, nargs="?", default=None)
    parser.add_argument("--photos", type=int, default=3000, help="largest number of photos (3000)")
    parser.add_argument("--model", default="open", help="pack (open)")
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    args = parser.parse_args()
    folder = args.folder if args.folder is not None else media_folder() / "lfw"
    people = sorted(path for path in folder.iterdir() if path.is_dir())
    firsts = [min(person.iterdir()) for person in people][: args.photos]
    made = photo_templates(firsts, model=args.model, processes=args.processes)
    vectors = made.vectors[made.found]
    np.savez(args.out, vectors=vectors)
    variances = np.linalg.eigvalsh(np.cov(vectors.T))[::-1].clip(0)
    share = np.cumsum(variances) / variances.sum()
    half, most = (int(np.searchsorted(share, part)) + 1 for part in (0.5, 0.95))
    print(
        f"{len(vectors)} templates of {vectors.shape[1]} numbers; {half} directions hold half of "
        f"their variance, {most} hold 95 %"
    )


if __name__ == "__main__":
    main()
