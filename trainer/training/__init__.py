"""The training run: loop, step, optimiser, checkpoints, validation."""
