"""Process groups: collectives and the launcher."""
