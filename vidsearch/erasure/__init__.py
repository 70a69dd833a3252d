"""Erasure of videos and people from an archive, with proof and receipt."""
