"""Tests of the re-embedding of a catalog."""
