from importlib.metadata import EntryPoint

import pytest

from llmexam.errors import SettingsError
from llmexam.solvers import registry
from llmexam.solvers.registry import create_solver, parse_solver_settings, solver_entries


def test_unknown_names_and_keys_name_the_nearest():
    with pytest.raises(SettingsError, match=r"unknown solver 'lexial'.*Did you mean 'lexical'"):
        create_solver("lexial")
    with pytest.raises(SettingsError, match=r"no setting 'sed'.*Did you mean 'seed'"):
        create_solver("random", {"sed": 3})
    with pytest.raises(SettingsError, match=r"'weights.runn'.*Did you mean 'run'"):
        create_solver("lexical", {"weights": {"runn": 1}})


def test_values_are_checked_and_named():
    with pytest.raises(SettingsError, match=r"field 'reach'.*greater than 0.*got -1"):
        parse_solver_settings("lexical", {"reach": -1})


def test_installed_packages_add_solvers_but_take_no_name(monkeypatch):
    points = [
        EntryPoint("noisy", "llmexam.testing:NoisySolver", registry.ENTRY_POINT_GROUP),
        EntryPoint("lexical", "llmexam.testing:ConstantSolver", registry.ENTRY_POINT_GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert solver_entries()["noisy"].target == "llmexam.testing:NoisySolver"
    assert solver_entries()["lexical"].target.startswith("llmexam.solvers.lexical")
    assert create_solver("noisy", {"skill": 3}).settings.skill == 3
