"""Video streams of indexed files: not looked at, or turned upright."""
