"""Retrieval in a labelled archive: MAP over videos and moments, TPIR at FPIR."""
