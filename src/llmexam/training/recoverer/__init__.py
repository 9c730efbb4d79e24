"""Fine-tune decoders for recoverer `fine-tuned`."""
