"""Keras models: KerasHub backbones on torch, JAX or TensorFlow, in the format of Hugging Face."""
