"""Identification and verification among distractors: MegaFace and Trillion-Pairs."""
