"""Measurements behind the figures of README and documentation: see ``benchmarks/README.md``."""
