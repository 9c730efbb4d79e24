import json
import signal
import subprocess
import sys

import pytest

from llmexam.lm.models import folder_hash, keras_preset
from llmexam.lm.models.keras_preset import is_keras_preset, preset_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from llmexam.lm.models import keras_preset

def convert(path, folder):
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"half of the weights")
    os.kill(os.getpid(), signal.SIGKILL)

keras_preset._convert = convert
keras_preset.find_spec = lambda name: True
keras_preset.preset_folder(Path(sys.argv[1]))
"""


@pytest.fixture
def preset(tmp_path, monkeypatch):
    """Files of a preset; their content is not looked at before they are converted."""
    monkeypatch.setenv("LLMEXAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(keras_preset, "find_spec", lambda name: True)
    monkeypatch.setattr(keras_preset, "_convert", lambda path, folder: folder.mkdir())
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"registered_name": "keras_hub>BertBackbone"}))
    (folder / "model.weights.h5").write_bytes(b"weights")
    return folder


def test_a_killed_conversion_leaves_nothing_after_the_next(preset, tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(preset)], check=False)
    assert done.returncode == -signal.SIGKILL
    models = tmp_path / "cache" / "models"
    assert list(models.rglob("model.safetensors"))
    target = preset_folder(preset)
    assert {path.name for path in models.iterdir() if path.is_dir()} == {target.name}
    assert not list(models.rglob("model.safetensors"))


def test_weights_are_hashed_once_until_they_change(preset, monkeypatch):
    first = preset_folder(preset)
    monkeypatch.setattr(folder_hash, "hash_file", lambda path: pytest.fail("read again"))
    assert preset_folder(preset) == first
    monkeypatch.setattr(folder_hash, "hash_file", lambda path: "of other weights")
    (preset / "model.weights.h5").write_bytes(b"other weights")
    assert preset_folder(preset) != first


def test_a_config_nested_deeply_is_no_preset(preset):
    assert is_keras_preset(preset)
    (preset / "config.json").write_text("[" * 100_000 + "]" * 100_000)
    assert not is_keras_preset(preset)
