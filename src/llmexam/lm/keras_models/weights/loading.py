"""Copy weights between a table of entries and safetensors files."""

from __future__ import annotations

from collections.abc import Sequence

from llmexam.errors import ModelError
from llmexam.lm.keras_models.arrays import float_array
from llmexam.lm.keras_models.weights.entries import Array, Entry
from llmexam.lm.keras_models.weights.files import TensorFiles

_HINT = "The files do not belong to this configuration, or are incomplete"


def has_all(entries: Sequence[Entry], files: TensorFiles, prefix: str) -> bool:
    """Return whether the files have all tensors of a table, in its shapes."""
    for entry in entries:
        for name, shape in zip(entry.names, entry.shapes, strict=True):
            found = files.find(name, prefix if entry.in_body else "")
            if found is None or files.shape(found) != shape:
                return False
    return True


def read_entries(
    entries: Sequence[Entry], files: TensorFiles, prefix: str, *, missing: str = _HINT
) -> set[str]:
    """Set variables from the files, and return the names of the tensors that were read.

    Args:
        entries: The table.
        files: The files.
        prefix: Prefix of the encoder's tensors, which files of a bare encoder lack.
        missing: Hint of the error where a tensor is missing.

    Raises:
        ModelError: A tensor is missing or has another shape.
    """
    used = set()
    for entry in entries:
        tensors = []
        for name, shape in zip(entry.names, entry.shapes, strict=True):
            found = files.find(name, prefix if entry.in_body else "")
            if found is None:
                raise ModelError(
                    f"the weights have no tensor '{name}'", file=files.file, hint=missing
                )
            if files.shape(found) != shape:
                raise ModelError(
                    f"expected tensor '{found}' of shape {shape}, got {files.shape(found)}",
                    file=files.path(found),
                    hint=_HINT,
                )
            tensors.append(files.read(found))
            used.add(found)
        entry.variable.assign(entry.to_keras(*tensors))
    return used


def tensors_of(entries: Sequence[Entry], prefix: str) -> dict[str, Array]:
    """Return the tensors of a table by the names in a file.

    Args:
        entries: The table.
        prefix: Prefix of the encoder's tensors, or "" for the file of a bare encoder.
    """
    tensors = {}
    for entry in entries:
        named = zip(entry.names, entry.to_file(float_array(entry.variable)), strict=True)
        for name, value in named:
            tensors[f"{prefix}.{name}" if prefix and entry.in_body else name] = value
    return tensors
