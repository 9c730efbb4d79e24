"""Devices by name."""

from __future__ import annotations

import torch

from llmexam.errors import SettingsError


def torch_device(name: str) -> torch.device:
    """Return a torch device after checking that it is available.

    Args:
        name: As torch spells it: `cpu`, `cuda`, `cuda:1`.

    Raises:
        SettingsError: The name is invalid, or the device is not available.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingsError(
            f"'{name}' is no device of torch", field="device", hint="Such as cpu, cuda or cuda:1"
        ) from None
    if device.type == "meta":
        raise SettingsError("the device 'meta' holds no numbers", field="device")
    try:
        torch.zeros(1, device=device)
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise SettingsError(
            f"there is no '{name}' here that torch can use ({reason})",
            field="device",
            hint="Take cpu, or install a torch for this device",
        ) from None
    return device
