"""Nearest-neighbour indexes over unit vectors, and their generations on disk."""
