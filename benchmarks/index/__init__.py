"""Benchmarks: index."""
