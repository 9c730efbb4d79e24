"""Read and write the tensors of a Hugging Face folder by name, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from llmexam.errors import ModelError
from llmexam.lm.keras_models.weights.entries import Array
from llmexam.lm.models.card import is_file_name
from llmexam.lm.models.code_free import read_json
from llmexam.lm.models.loading import ModelFolder, refuse_pickled

WEIGHTS_FILE = "model.safetensors"
_INDEX_FILE = "model.safetensors.index.json"
# Old files have TensorFlow's names of layer norms.
_OLD_NAMES = (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"))


class TensorFiles:
    """The open safetensors files of a folder.

    Args:
        paths: The files, without any that hold the same name twice.

    Raises:
        ModelError: A file is damaged.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        from safetensors import SafetensorError, safe_open

        self._stack = ExitStack()
        self._files: dict[str, tuple[Path, Any]] = {}
        self._paths = sorted(paths)
        for path in self._paths:
            try:
                opened = self._stack.enter_context(safe_open(path, framework="pt"))
            except (SafetensorError, OSError) as error:
                self._stack.close()
                raise ModelError(f"cannot be read: {error}", file=path) from error
            self._files |= dict.fromkeys(opened.keys(), (path, opened))

    def __enter__(self) -> TensorFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def names(self) -> frozenset[str]:
        """Names of all tensors."""
        return frozenset(self._files)

    def find(self, name: str, prefix: str) -> str | None:
        """Return the name that a tensor has in the files, or None without it.

        Args:
            name: Its name in the table.
            prefix: Prefix that the files of models with a head have.
        """
        old = [name.replace(new, former) for new, former in _OLD_NAMES if name.endswith(new)]
        for one in (name, *old):
            for found in (f"{prefix}.{one}", one):
                if found in self._files:
                    return found
        return None

    @property
    def file(self) -> Path:
        """The file, or the first of several."""
        return self._paths[0]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor without reading it."""
        return tuple(self._files[name][1].get_slice(name).get_shape())

    def read(self, name: str) -> Array:
        """Return a tensor in float32."""
        # By torch, because NumPy has no bfloat16.
        tensor: Array = self._files[name][1].get_tensor(name).float().numpy()
        return tensor

    def path(self, name: str) -> Path:
        """Return the file of a tensor."""
        return self._files[name][0]


def open_weights(folder: ModelFolder) -> TensorFiles:
    """Open the weights of a folder: one file, or the shards of its index.

    Raises:
        ModelError: There are none, a shard is missing, or a file is damaged.
    """
    whole = folder.path / WEIGHTS_FILE
    if whole.is_file():
        return TensorFiles([whole])
    index = read_json(folder.path / _INDEX_FILE)
    if index is None:
        refuse_pickled(folder.path)
        raise ModelError(f"the folder has no {WEIGHTS_FILE}", file=folder.path)
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not names:
        raise ModelError(
            "expected a table of files with the key weight_map", file=folder.path / _INDEX_FILE
        )
    shards = sorted(set(names.values()))
    for shard in shards:
        if not is_file_name(shard):
            raise ModelError(
                f"expected names of files in this folder, got {shard!r}",
                file=folder.path / _INDEX_FILE,
            )
    return TensorFiles(folder.path / name for name in shards)


def write_tensors(tensors: Mapping[str, Array], path: Path) -> None:
    """Write tensors in float32 as transformers does."""
    from safetensors.numpy import save_file

    whole = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in tensors.items()}
    save_file(whole, path, metadata={"format": "pt"})
