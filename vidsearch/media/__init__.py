"""File kinds: file name endings of photos and videos, and formats by their first bytes."""
