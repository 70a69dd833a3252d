"""Networks from aligned faces to raw embeddings."""
