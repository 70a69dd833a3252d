"""Metrics computed from scores and labels: arithmetic on arrays, without files or models."""
