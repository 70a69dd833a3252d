"""Printable text and HTML escapes."""
