"""Devices and number type of a Keras training.

This module imports Keras; see `session`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llmexam.errors import SettingsError
from llmexam.lm.keras_models.engine import keras_device
from llmexam.lm.keras_models.session import keras
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.keras_base.settings import KerasTrainingSettings

# What is split over the devices, by path, and along which dimension: embeddings by columns, and the
# inner dimension of the feedforward layers, as these are most of the weights.
_SPLIT = {
    r".*(token_embedding|embeddings).*/embeddings": (None, "model"),
    r".*(feedforward_intermediate|feedforward_gate|ffw_gating).*/kernel": (None, "model"),
    r".*(feedforward_output|ffw_linear).*/kernel": ("model", None),
}


def dtype_policy(settings: KerasTrainingSettings) -> str:
    """Return the name of the Keras dtype policy: weights are float32, arithmetic may be bf16."""
    backend = keras.backend.backend()
    if backend != "torch" and settings.precision == "auto" and not _computes_on_cpu():
        # What is fast there is not known, so the user decides.
        return "float32"
    device = training_device(settings.device) if backend == "torch" else "cpu"
    return {"bf16": "mixed_bfloat16"}.get(training_precision(settings.precision, device), "float32")


@contextmanager
def placed(settings: KerasTrainingSettings) -> Iterator[None]:
    """Create variables and compute on the devices of the settings within the `with` block.

    Raises:
        SettingsError: There is one device only, or the batch cannot be divided among them.
    """
    if settings.parallel == "none":
        with keras_device(settings.device):
            yield
        return
    kind = {"cpu": "cpu", "cuda": "gpu"}.get(settings.device)
    devices = keras.distribution.list_devices(kind)
    if len(devices) < 2:
        raise SettingsError(
            f"`parallel: {settings.parallel}` needs several devices, and JAX finds one",
            field="parallel",
            hint="On a CPU, set XLA_FLAGS=--xla_force_host_platform_device_count=4",
        )
    if settings.parallel == "data" and settings.batch_size % len(devices):
        raise SettingsError(
            f"expected a multiple of the {len(devices)} devices, got {settings.batch_size}",
            field="batch_size",
        )
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(_distribution(settings.parallel, devices))
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def _computes_on_cpu() -> bool:
    return all(name.startswith("cpu") for name in keras.distribution.list_devices())


def _distribution(parallel: str, devices: list[str]) -> Any:
    found = keras.distribution
    if parallel == "data":
        return found.DataParallel(devices=devices, auto_shard_dataset=False)
    mesh = found.DeviceMesh((1, len(devices)), ("batch", "model"), devices)
    layout = found.LayoutMap(mesh)
    for pattern, dimensions in _SPLIT.items():
        layout[pattern] = dimensions
    return found.ModelParallel(layout_map=layout, batch_dim_name="batch", auto_shard_dataset=False)
