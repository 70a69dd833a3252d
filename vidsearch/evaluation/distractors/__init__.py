"""MegaFace protocol: identification and verification among distractors."""
