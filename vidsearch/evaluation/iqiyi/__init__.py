"""iQIYI-VID: the challenge's own files, read as they are."""
