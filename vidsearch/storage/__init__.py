"""Paths, files and object stores below the catalog and the index."""
