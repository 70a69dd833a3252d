"""Readers of protocol files: pair lists, ``.bin`` sets, template and media lists, vectors."""
