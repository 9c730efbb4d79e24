"""An embedder whose vectors are known: a text is an angle in degrees."""

import numpy as np


class CircleEmbedder:
    """Unit vectors on a circle. Texts of more than four characters are cut."""

    name, dim, weights_hash, max_tokens = "circle", 2, "w", 4

    def __init__(self):
        self.n_texts = 0

    def embed(self, texts):
        self.n_texts += len(texts)
        angles = np.radians([float(text) for text in texts])
        found = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
        cut = self.count_tokens(texts) > self.max_tokens
        return type("Found", (), {"vectors": found, "cut": cut})

    def count_tokens(self, texts):
        return np.array([len(text) for text in texts])
