"""Sizes and lengths that a container states, compared with the bytes that are there."""
