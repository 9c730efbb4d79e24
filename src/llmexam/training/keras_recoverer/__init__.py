"""Fine-tune decoders with Keras for recoverer `fine-tuned`."""
