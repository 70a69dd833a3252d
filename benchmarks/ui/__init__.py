"""Benchmarks: ui."""
