"""Benchmarks of the search index and of the catalog."""
