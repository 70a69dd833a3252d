"""Evaluation protocols of the field, their metrics and their reports."""
