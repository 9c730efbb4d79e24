"""Fine-tune decoders for solver `causal-lm`."""
