"""Export a reader for onnxruntime (int8) or OpenVINO."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import longest_input
from llmexam.lm.models.card import ExportOrigin
from llmexam.lm.readers.exported_engine import INPUTS, ExportBackend, import_backend
from llmexam.storage.hashing import hash_file

if TYPE_CHECKING:
    from torch import Tensor

    from llmexam.lm.readers.reader import Reader

# Shape of the traced example; exported models accept any shape.
_EXAMPLE = (3, 16)


def export_reader(reader: Reader, backend: ExportBackend, folder: Path) -> dict[str, str]:
    """Write the files of a backend into a folder and return the SHA-256 of each by name.

    Args:
        reader: The reader; it is in evaluation mode afterwards.
        backend: Target runtime.
        folder: Output folder.

    Raises:
        MissingDependencyError: A package of the backend is not installed.
        ModelError: The model cannot be exported.
    """
    packages = ["onnx", "onnxscript", "onnxruntime"]
    for package in packages + (["openvino"] if backend == "openvino" else []):
        import_backend(package, backend)
    whole = folder / "whole.onnx"
    # The exporters warn about their own internals.
    logged = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        _write_onnx(reader, whole)
        if backend == "onnx-int8":
            _quantize(whole, folder / "model.onnx")
        else:
            _write_openvino(whole, folder / "model.xml")
    finally:
        logging.disable(logged)
        whole.unlink(missing_ok=True)
        # The exporter may leave a module in training mode, with dropout.
        reader.eval()
    return {path.name: hash_file(path) for path in sorted(folder.glob("model.*"))}


def origin_of(
    reader: Reader, backend: ExportBackend, source: str, files: dict[str, str]
) -> ExportOrigin:
    """Return the export section of the card."""
    return ExportOrigin(
        backend=backend,
        source=source,
        task=reader.task,
        n_outputs=reader.n_outputs,
        pad_id=reader.pad_id,
        max_tokens=longest_input(reader.config),
        files=files,
    )


class _Padded(nn.Module):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        return self._reader.padded_logits(inputs).float()


def _write_onnx(reader: Reader, path: Path) -> None:
    names = list(INPUTS if reader.tells_types else INPUTS[:2])
    ids = torch.full(_EXAMPLE, reader.pad_id + 1)
    mask = torch.ones_like(ids)
    mask[0, _EXAMPLE[1] // 2 :] = 0
    example = (ids, mask, torch.zeros_like(ids))[: len(names)]
    shape = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Padded(reader).eval(),
                example,
                str(path),
                input_names=names,
                output_names=["logits"],
                dynamic_shapes=tuple(shape for _ in names),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # exporters may raise anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(f"cannot export the model: {reason}") from error


def _quantize(source: Path, target: Path) -> None:
    """Quantise linear layers to int8, one scale per output, with dynamic activations."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model: Any = onnx.load(source)
    # The exporter's recorded shapes contradict those that the quantizer infers.
    del model.graph.value_info[:]
    onnx.save(model, source)
    quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)


def _write_openvino(source: Path, target: Path) -> None:
    import openvino

    model = openvino.convert_model(str(source))
    openvino.save_model(model, str(target), compress_to_fp16=False)
