"""Run exported models: logits of a batch by onnxruntime or OpenVINO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import MissingDependencyError, ModelError
from llmexam.lm.models.card import CARD_FILE, ExportOrigin, ModelCard, is_file_name, read_card
from llmexam.lm.models.loading import ModelFolder
from llmexam.lm.models.precision import cpu_flags
from llmexam.storage.hashing import hash_file

ExportBackend = Literal["onnx-int8", "openvino"]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_BATCH_TOKENS = 2048
_FAST_BF16 = frozenset({"avx512_bf16", "amx_bf16"})

Run = Callable[[dict[str, NDArray[np.int64]]], NDArray[np.float32]]


class ExportedEngine:
    """Runs an exported model on padded batches.

    Args:
        run: Maps padded inputs by name to logits.
        inputs: Names of its inputs.
        origin: Export section of the card.
        name: Backend and number type.
    """

    pads = True
    batch_tokens = _BATCH_TOKENS

    def __init__(self, run: Run, inputs: set[str], origin: ExportOrigin, name: str) -> None:
        self.n_outputs = origin.n_outputs
        self.max_tokens = origin.max_tokens
        self.name = name
        self._run = run
        self._inputs = inputs
        self._pad_id = origin.pad_id

    def __call__(
        self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Return logits, shape `[n_sequences, n_outputs]`."""
        shape = (len(ids), max(len(one) for one in ids))
        padded = {
            "input_ids": np.full(shape, self._pad_id, dtype=np.int64),
            "attention_mask": np.zeros(shape, dtype=np.int64),
            "token_type_ids": np.zeros(shape, dtype=np.int64),
        }
        for row, (own, kinds) in enumerate(zip(ids, types, strict=True)):
            padded["input_ids"][row, : len(own)] = own
            padded["attention_mask"][row, : len(own)] = 1
            padded["token_type_ids"][row, : len(own)] = kinds
        given = {name: value for name, value in padded.items() if name in self._inputs}
        return np.array(self._run(given), dtype=np.float32).reshape(len(ids), self.n_outputs)


def exported_card(folder: ModelFolder) -> ModelCard | None:
    """Return the card of an exported model; None for any other folder."""
    card = read_card(folder.path)
    return card if card is not None and card.export is not None else None


def load_exported_engine(
    folder: ModelFolder, card: ModelCard, *, head: str, task: str
) -> ExportedEngine:
    """Return the engine of an exported model.

    Raises:
        MissingDependencyError: Its runtime is not installed.
        ModelError: It was exported for another head or task, or its files differ from
            those that were exported.
    """
    origin = card.export
    if origin is None:
        raise ModelError("not an exported model", file=folder.path)
    wanted = {"head": head, "task": task}
    has = {"head": card.head, "task": origin.task}
    for what, value in wanted.items():
        if value != has[what]:
            raise ModelError(
                f"exported with {what} '{has[what]}', got '{value}'",
                file=folder.path,
                hint=f"Set {what} to '{has[what]}', or export the model again",
            )
    for name, known in origin.files.items():
        path = folder.path / name
        if not is_file_name(name) or not path.is_file() or hash_file(path) != known:
            raise ModelError(
                f"file differs from the one that {CARD_FILE} names",
                file=path,
                hint="Export the model again",
            )
    if origin.backend == "onnx-int8":
        return _load_onnx(folder, origin)
    return _load_openvino(folder, origin)


def _load_onnx(folder: ModelFolder, origin: ExportOrigin) -> ExportedEngine:
    runtime = import_backend("onnxruntime", origin.backend)
    options = runtime.SessionOptions()
    # Spinning threads slow down other processes; see lm/__init__.py.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(
            str(folder.path / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime has no public exception class
        raise ModelError(f"cannot be loaded: {error}", file=folder.path) from error

    def run(inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = session.run(None, inputs)[0]
        return logits

    names = {one.name for one in session.get_inputs()}
    return ExportedEngine(run, names, origin, f"onnx-int8-{runtime.__version__}")


def _load_openvino(folder: ModelFolder, origin: ExportOrigin) -> ExportedEngine:
    openvino = import_backend("openvino", origin.backend)
    precision = "bf16" if _FAST_BF16 & cpu_flags() else "f32"
    try:
        compiled = openvino.Core().compile_model(
            str(folder.path / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": precision}
        )
    except RuntimeError as error:
        raise ModelError(f"cannot be loaded: {error}", file=folder.path) from error

    def run(inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = compiled(inputs)[0]
        return logits

    names = {one.get_any_name() for one in compiled.inputs}
    return ExportedEngine(run, names, origin, f"{origin.backend}-{precision}")


def import_backend(package: str, backend: str) -> Any:
    """Return a package of the extra `export`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    from importlib import import_module

    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"backend '{backend}'", package, "export") from error
