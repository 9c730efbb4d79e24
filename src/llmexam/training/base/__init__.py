"""Shared base of families trained by gradients: loop, batching, callbacks, checkpoints."""
