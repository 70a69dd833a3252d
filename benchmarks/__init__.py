"""The measurements quoted in README.md: ``python -m benchmarks.NAME``; ``make bench`` for all."""
