"""Decoders larger than memory: a layer's weights are read while the one before is computed."""
