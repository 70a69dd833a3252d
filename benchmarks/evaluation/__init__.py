"""Benchmarks: evaluation."""
