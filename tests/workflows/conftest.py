import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture
def fake_family(monkeypatch):
    """The family `multiple-choice`, trained and answered by a fake that needs no weights."""
    from llmexam.solvers import registry as solvers
    from llmexam.training import registry as trainers

    place = Path(__file__).with_name("train") / "fake_family.py"
    spec = importlib.util.spec_from_file_location("fake_family", place)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fake_family", module)
    spec.loader.exec_module(module)
    name = "multiple-choice"
    fake = trainers.TrainerEntry("fake_family:FakeTrainer", "fake_family:FakeSettings")
    monkeypatch.setitem(trainers._TRAINERS, name, fake)
    entry = solvers.SolverEntry("fake_family:FakeSolver", "a fake", uses_evidence=True)
    monkeypatch.setitem(solvers._BUILT_IN, name, entry)
    return module.FakeTrainer
