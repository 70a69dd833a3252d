"""Comparison of consecutive frames: their difference, and pauses between them."""
