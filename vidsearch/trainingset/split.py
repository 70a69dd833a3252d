"""Split of a training set by identity: all faces of an identity are held out, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from vidsearch.errors import ConfigError

MIN_IDENTITIES = 2
"""Fewest identities of a part; impostor pairs need two people."""


def held_out_identities(identities: Collection[str], share: float, seed: int) -> frozenset[str]:
    """Return the identities that are held out of training.

    They are the identities with the lowest hashes. The choice depends on names and seed only, and
    changes little when identities are added.

    Args:
        identities: All identities.
        share: Share of the identities in [0, 1); above 0 at least two are held out.
        seed: Seed of the hash.

    Raises:
        ConfigError: ``share`` is out of range, or fewer than two identities would be left.
    """
    if not 0 <= share < 1:
        raise ConfigError(f"the held-out share must lie in [0, 1); got {share}")
    if not share:
        return frozenset()
    count = max(round(share * len(identities)), MIN_IDENTITIES)
    if len(identities) - count < MIN_IDENTITIES:
        raise ConfigError(
            f"{len(identities)} identities are too few to hold {count} of them out and train on "
            "the rest; add people, or pass --held-out 0"
        )
    return frozenset(sorted(identities, key=lambda name: _draw(name, seed))[:count])


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
