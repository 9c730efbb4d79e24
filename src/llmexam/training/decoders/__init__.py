"""What families share that fine-tune decoders: settings, loading, adapters, memory and cost."""
