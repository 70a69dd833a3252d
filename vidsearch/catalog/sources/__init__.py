"""Sources of a catalog: accounts of their searches, and the paths of a video."""
