"""Reusable parts of the pages: markup, charts, timeline, clickable lists."""
