"""Benchmarks and screenshots of the app."""
