"""``python -m trainer``: ``vidsearch train`` by another name, which torchrun can start."""

from __future__ import annotations

import sys

from vidsearch.commands.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
