"""Training data: aligned faces with identities, read from folders, shards and RecordIO."""
