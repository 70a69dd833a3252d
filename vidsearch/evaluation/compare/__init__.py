"""Paired comparison of two stored reports."""
