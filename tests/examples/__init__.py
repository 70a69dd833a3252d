"""Tests of the example scripts and the notebook."""
