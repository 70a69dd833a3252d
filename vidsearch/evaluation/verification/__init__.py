"""Pair verification: accuracy, TAR at FAR, worst pairs."""
