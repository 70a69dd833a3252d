"""Search of folders, globs, lists and object stores for videos, with an account of every entry."""
