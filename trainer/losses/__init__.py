"""The paper's losses on angles, each a function of tensors; ``trainer.head`` sums them."""
