"""What Keras families share that train decoders: settings, batches, model, adapters, estimate."""
