"""Weights of encoders: which variable of KerasHub is which tensor of Hugging Face."""
