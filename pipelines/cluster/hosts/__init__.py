"""Hosts of workers: identity, files that they see, faults, and hosts that are left out."""
