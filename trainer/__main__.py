"""Entry point of ``python -m trainer``, which is ``vidsearch train`` for torchrun."""

from __future__ import annotations

import sys

from vidsearch.commands.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
