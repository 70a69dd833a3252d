"""``python -m tests.fuzz``: the long form, or one mutant again."""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.run import Result, fuzz, make
from tests.fuzz.seeds import all_seeds


def main() -> int:
    """Run, print the table, and return 1 if there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="seed of all choices")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="files whose name contains this text")
    parser.add_argument("--write", type=int, metavar="NUMBER", help="write this mutant and end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seeds = [seed for seed in all_seeds(Path(folder)) if options.only in seed.name]
    if options.write is not None:
        seed, content = make(seeds, options.seed, options.write)
        Path(seed.name).write_bytes(content)
        print(f"wrote {seed.name}: {len(content)} bytes")
        return 0
    total = Result()
    shares = [range(first, options.mutants, options.workers) for first in range(options.workers)]
    with ThreadPoolExecutor(options.workers) as pool:
        for result in pool.map(lambda share: fuzz(seeds, options.seed, share), shares):
            total.read += result.read
            total.refused += result.refused
            total.findings += result.findings
    print(total.table())
    return 1 if total.findings else 0


if __name__ == "__main__":
    sys.exit(main())
