"""Encrypted videos: the protection stated by a container, so that an error can name it."""
