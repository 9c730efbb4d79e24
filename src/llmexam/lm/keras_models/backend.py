"""Choose the backend of Keras before Keras is imported."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any, Literal

from llmexam.errors import MissingDependencyError, SettingsError

Backend = Literal["torch", "jax", "tensorflow"]

VARIABLE = "KERAS_BACKEND"
_BACKENDS = ("torch", "jax", "tensorflow")
_EXTRAS = {"torch": "keras", "jax": "keras-jax"}
_FEATURE = "Keras"


def import_keras(backend: Backend | Literal["auto"] = "auto") -> Any:
    """Import Keras with a backend, and return the module.

    A process has one backend: Keras reads it once, when it is imported.

    Args:
        backend: The backend, or `auto`: that of an imported Keras, else that of the environment
            variable `KERAS_BACKEND`, else torch.

    Raises:
        SettingsError: Keras runs on another backend in this process already, or `KERAS_BACKEND`
            has another value.
        MissingDependencyError: Keras, KerasHub or the backend is not installed.
    """
    chosen = choose_backend(backend)
    require_backend(chosen)
    os.environ[VARIABLE] = chosen
    # TensorFlow takes all memory of a GPU at its first use, unless it is told to grow.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    import keras

    return keras


def choose_backend(backend: Backend | Literal["auto"] = "auto") -> Backend:
    """Return the backend that `import_keras` would use, without importing anything.

    Raises:
        SettingsError: It contradicts an imported Keras or `KERAS_BACKEND`, or has no such name.
    """
    imported = _imported_backend()
    asked = os.environ.get(VARIABLE) or None
    if asked is not None and asked not in _BACKENDS:
        raise SettingsError(
            f"expected {VARIABLE}=torch, jax or tensorflow, got '{asked}'",
            hint=f"Set {VARIABLE} to one of these, or unset it",
        )
    wanted = None if backend == "auto" else backend
    if imported is not None:
        if wanted not in (None, imported):
            raise SettingsError(
                f"Keras already runs on {imported} in this process, so backend '{wanted}' cannot "
                "be used",
                field="backend",
                hint="Use a process of its own for each backend",
            )
        return imported
    if wanted is not None and asked not in (None, wanted):
        raise SettingsError(
            f"backend '{wanted}' is set, but {VARIABLE} is '{asked}'",
            field="backend",
            hint=f"Unset {VARIABLE}, or set both to the same backend",
        )
    return wanted or asked or "torch"  # type: ignore[return-value]


def require_backend(backend: Backend) -> None:
    """Check that Keras, KerasHub and a backend are installed, without importing them.

    Raises:
        MissingDependencyError: One is missing.
    """
    if find_spec("keras") is None:
        raise MissingDependencyError(_FEATURE, "keras", "keras")
    if find_spec("keras_hub") is None:
        # Its dependency tensorflow-text would bring TensorFlow, which is not needed.
        raise MissingDependencyError(_FEATURE, "keras-hub", "", install="--no-deps keras-hub")
    if find_spec(backend) is None:
        extra = _EXTRAS.get(backend, "")
        feature = f"{_FEATURE} on {backend}"
        raise MissingDependencyError(feature, backend, extra, install="" if extra else backend)


def installed_backends() -> tuple[Backend, ...]:
    """Return the backends whose package is installed; none without Keras and KerasHub."""
    if find_spec("keras") is None or find_spec("keras_hub") is None:
        return ()
    return tuple(name for name in _BACKENDS if find_spec(name))  # type: ignore[misc]


def _imported_backend() -> Backend | None:
    module = sys.modules.get("keras")
    if module is None:
        return None
    found: Backend = module.backend.backend()
    return found
