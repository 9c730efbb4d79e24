import os
import sys
from types import SimpleNamespace

import pytest

from llmexam.errors import MissingDependencyError, SettingsError
from llmexam.lm.keras_models import backend
from llmexam.lm.keras_models.backend import (
    VARIABLE,
    choose_backend,
    import_keras,
    installed_backends,
    require_backend,
)


@pytest.fixture
def not_imported(monkeypatch):
    """Let Keras not be imported, and no backend be set."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def on_jax(monkeypatch):
    """Let Keras be imported with the backend jax."""
    found = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", found)
    monkeypatch.delenv(VARIABLE, raising=False)


def without(monkeypatch, *missing):
    monkeypatch.setattr(backend, "find_spec", lambda name: None if name in missing else object())


@pytest.mark.usefixtures("not_imported")
@pytest.mark.parametrize(
    ("setting", "variable", "expected"),
    [
        ("auto", None, "torch"),
        ("auto", "", "torch"),
        ("auto", "jax", "jax"),
        ("auto", "tensorflow", "tensorflow"),
        ("jax", None, "jax"),
        ("jax", "jax", "jax"),
    ],
)
def test_the_setting_or_the_variable_chooses(monkeypatch, setting, variable, expected):
    if variable is not None:
        monkeypatch.setenv(VARIABLE, variable)
    assert choose_backend(setting) == expected
    assert "keras" not in sys.modules


@pytest.mark.usefixtures("not_imported")
def test_setting_and_variable_may_not_differ(monkeypatch):
    monkeypatch.setenv(VARIABLE, "torch")
    with pytest.raises(SettingsError, match=r"'jax' is set, but KERAS_BACKEND is 'torch'.*Unset"):
        choose_backend("jax")


@pytest.mark.usefixtures("not_imported")
def test_an_unknown_name_is_an_error(monkeypatch):
    monkeypatch.setenv(VARIABLE, "theano")
    told = r"expected KERAS_BACKEND=torch, jax or tensorflow, got 'theano'"
    for setting in ("auto", "torch"):
        with pytest.raises(SettingsError, match=told):
            choose_backend(setting)


@pytest.mark.usefixtures("on_jax")
def test_an_imported_keras_keeps_its_backend():
    assert choose_backend("auto") == choose_backend("jax") == "jax"
    with pytest.raises(SettingsError, match="already runs on jax in this process"):
        choose_backend("torch")
    with pytest.raises(SettingsError, match="process of its own"):
        import_keras("torch")


@pytest.mark.usefixtures("on_jax")
def test_the_variable_cannot_change_an_imported_keras(monkeypatch):
    monkeypatch.setenv(VARIABLE, "torch")
    assert choose_backend("auto") == "jax"


@pytest.mark.parametrize(
    ("missing", "chosen", "told"),
    [
        ("keras", "torch", r"'keras', which is not installed.*llmexam\[keras\]"),
        ("keras_hub", "torch", r"'keras-hub', which.*pip install --no-deps keras-hub"),
        ("torch", "torch", r"Keras on torch needs 'torch'.*llmexam\[keras\]"),
        ("jax", "jax", r"Keras on jax needs 'jax'.*llmexam\[keras-jax\]"),
        ("tensorflow", "tensorflow", r"needs 'tensorflow'.*pip install tensorflow"),
    ],
)
def test_missing_packages_are_named_with_their_command(monkeypatch, missing, chosen, told):
    without(monkeypatch, missing)
    with pytest.raises(MissingDependencyError, match=told):
        require_backend(chosen)


def test_backends_are_those_that_are_installed(monkeypatch):
    without(monkeypatch, "tensorflow")
    assert installed_backends() == ("torch", "jax")
    without(monkeypatch, "jax", "tensorflow")
    assert installed_backends() == ("torch",)
    for missing in ("keras", "keras_hub"):
        without(monkeypatch, missing)
        assert installed_backends() == ()


@pytest.mark.usefixtures("not_imported")
def test_a_missing_backend_leaves_the_environment_as_it_is(monkeypatch):
    without(monkeypatch, "jax")
    with pytest.raises(MissingDependencyError):
        import_keras("jax")
    assert VARIABLE not in os.environ
    assert "keras" not in sys.modules
