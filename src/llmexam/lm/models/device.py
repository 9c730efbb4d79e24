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
            f"unknown torch device '{name}'",
            field="device",
            hint="Use, for example, cpu, cuda or cuda:1",
        ) from None
    if device.type == "meta":
        raise SettingsError("expected a device with memory, got 'meta'", field="device")
    try:
        torch.zeros(1, device=device)
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise SettingsError(
            f"device '{name}' is not available ({reason})",
            field="device",
            hint="Use cpu, or install a build of torch for this device",
        ) from None
    return device
