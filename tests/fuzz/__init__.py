"""Damaged and hostile inputs made by mutation, and a run that finds crashes, hangs and excesses.

``python -m tests.fuzz --mutants 10000`` runs the long form. Seeds, mutants and order follow from
``--seed``, so a finding can be made again from its number.
"""
