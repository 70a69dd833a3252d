"""Printable text, HTML documents and templates."""
