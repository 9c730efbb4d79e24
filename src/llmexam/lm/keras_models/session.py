"""Keras on the chosen backend: `from llmexam.lm.keras_models.session import keras`.

The first import of this module imports Keras, and so settles the backend of the process. Call
`backend.import_keras` before, and import the modules that use this one inside functions.
"""

from __future__ import annotations

from typing import Any

from llmexam.lm.keras_models.backend import import_keras

keras: Any = import_keras()
