"""From query photos to hits: query, filter, track index, false hits, verdicts, people clusters."""
