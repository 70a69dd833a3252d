"""Scores and labels in, figures out: pure arithmetic on arrays, no files and no models."""
