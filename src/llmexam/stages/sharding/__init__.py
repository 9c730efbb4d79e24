"""Work in shards: atomic files that processes of this machine or of a Ray cluster compute."""
