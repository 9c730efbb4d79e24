"""Training of cross-encoders that rerank candidate prompts."""
