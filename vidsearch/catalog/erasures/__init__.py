"""Erasures that were begun, and the rows that they hide from readers."""
