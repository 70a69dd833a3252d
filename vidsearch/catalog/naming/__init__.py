"""Names and verdicts: their result, the conditions of changes, and undo."""
