"""From embeddings to the loss: class head, margins, centre losses, triplets."""
