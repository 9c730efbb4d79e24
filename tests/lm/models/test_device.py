import pytest
import torch

from llmexam.errors import SettingsError
from llmexam.lm.models.device import torch_device


def test_a_device_that_is_here():
    assert torch_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["foo", "", "meta", "cuda:99", "mps"])
def test_a_device_that_is_not_here_is_told(name):
    if name == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has it")
    with pytest.raises(SettingsError, match="device") as told:
        torch_device(name)
    assert told.value.field == "device"
