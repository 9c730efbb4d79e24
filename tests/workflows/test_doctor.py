"""What `llmexam doctor` says of an installation, whatever is installed here."""

import subprocess
import sys
from importlib.metadata import requires

import pytest
from typer.testing import CliRunner

from llmexam.cli.app import app
from llmexam.lm.keras_models import backend
from llmexam.workflows import doctor
from llmexam.workflows.doctor import examine, packages_by_extra

EXTRAS = ["encoders", "train", "llm", "deepspeed", "gemma", "openai", "track", "export"]
EXTRAS += ["wiki", "collect", "serve", "keras", "keras-jax", "xlsx", "scale"]


@pytest.fixture
def core_only(monkeypatch):
    """Let the packages of the core be the only ones that are installed."""
    core = set(packages_by_extra(requires("llmexam"))["core"])
    monkeypatch.setattr(doctor, "find_spec", lambda package: None)
    monkeypatch.setattr(doctor, "_version_of", lambda package: "1.0" if package in core else None)


def test_every_package_is_listed_once_with_the_smallest_extra():
    found = packages_by_extra(requires("llmexam"))
    packages = [package for names in found.values() for package in names]
    assert len(packages) == len(set(packages))
    assert set(found) == {"core", *EXTRAS}
    of = {package: extra for extra, names in found.items() for package in names}
    assert of["torch"] == "encoders"
    assert of["lightgbm"] == "train"
    assert of["bitsandbytes"] == "llm"
    assert of["onnx"] == "export"


def test_a_core_install_has_one_line_per_extra(core_only, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(app, ["doctor"])
    lines = done.stdout.splitlines()
    assert len(lines) == len({line.split()[0] for line in lines}) <= 20
    by_subject = {line.split()[0]: line for line in lines}
    for extra in EXTRAS:
        assert " missing " in by_subject[extra]
        assert f"pip install 'llmexam[{extra}]'" in by_subject[extra]
    assert done.stdout.count("torch") == 1
    assert "torch" in by_subject["encoders"]


def test_a_missing_extra_names_what_is_unavailable(core_only):
    checks = {check.subject: check for check in examine()}
    encoders = " ".join(checks["encoders"].unavailable)
    for feature in ("bi-encoder", "causal-lm", "dense indexes", "llmexam train"):
        assert feature in encoders
    assert "solver openai" in checks["openai"].unavailable
    assert "solver ranker" in checks["train"].unavailable
    assert all(check.unavailable for check in checks.values() if check.verdict == "missing")


def test_what_a_feature_needs_is_a_package_of_an_extra():
    known = {
        package for names in packages_by_extra(requires("llmexam")).values() for package in names
    }
    assert {package for _, package in doctor._FEATURES} <= known


def test_a_missing_core_package_is_a_problem(core_only, monkeypatch):
    monkeypatch.setattr(doctor, "_version_of", lambda package: None)
    core = next(check for check in examine() if check.subject == "core")
    assert (core.verdict, core.install) == ("problem", "pip install llmexam")


def with_specs(monkeypatch, *names):
    """Let these packages be installed, and no others, of those that are looked for."""
    for module in (doctor, backend):
        monkeypatch.setattr(module, "find_spec", lambda name: object() if name in names else None)


def keras_line():
    return next((check for check in examine() if check.subject == "Keras backends"), None)


def test_the_backends_of_keras_are_listed(monkeypatch):
    with_specs(monkeypatch, "keras", "keras_hub", "torch", "jax")
    assert (keras_line().verdict, keras_line().sentence) == ("ok", "torch, jax")
    with_specs(monkeypatch, "keras", "keras_hub", "torch")
    assert keras_line().sentence == "torch"
    with_specs(monkeypatch, "keras", "keras_hub")
    assert keras_line().verdict == "missing"
    with_specs(monkeypatch, "torch", "jax")
    assert keras_line() is None


def test_a_missing_keras_hub_has_a_command_of_its_own(monkeypatch):
    with_specs(monkeypatch, "keras", "torch")
    assert keras_line().verdict == "missing"
    assert keras_line().sentence == (
        "keras-hub not installed. Unavailable: `family: keras-choice`; solver keras-choice. "
        "Install: pip install --no-deps keras-hub"
    )


def test_heavy_packages_are_not_imported():
    code = (
        "import sys; from llmexam.workflows.doctor import examine; examine(); "
        "print({'keras', 'jax', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
