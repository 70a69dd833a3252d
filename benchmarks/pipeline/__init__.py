"""Benchmarks of indexing and re-embedding."""
