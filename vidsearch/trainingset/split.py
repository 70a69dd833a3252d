"""Which identities are held out: all faces of an identity, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from vidsearch.errors import ConfigError

LEAST = 2  # impostor pairs need two people


def held_out_identities(identities: Collection[str], share: float, seed: int) -> frozenset[str]:
    """Return the identities that training never sees.

    They are those whose names hash lowest, so the choice depends on names and seed alone and moves
    little when people are added.

    Args:
        identities: All of them.
        share: Of the identities, [0, 1); at least two where it is above 0.
        seed: Another seed, another choice.

    Raises:
        ConfigError: ``share`` is out of range, or fewer than two identities would be left.
    """
    if not 0 <= share < 1:
        raise ConfigError(f"the held-out share must lie in [0, 1); got {share}")
    if not share:
        return frozenset()
    count = max(round(share * len(identities)), LEAST)
    if len(identities) - count < LEAST:
        raise ConfigError(
            f"{len(identities)} identities are too few to hold {count} of them out and train on "
            "the rest; add people, or pass --held-out 0"
        )
    return frozenset(sorted(identities, key=lambda name: _draw(name, seed))[:count])


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
