"""Benchmarks of accuracy and of the evaluation protocols."""
