"""Verification of an archive: damage of its files, each with its remedy."""
