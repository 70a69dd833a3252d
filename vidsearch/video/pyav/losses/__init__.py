"""Losses in the middle of a video: their signs, and the film time that is missing there."""
