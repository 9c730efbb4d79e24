import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers
from tests.training.multiple_choice.conftest import base_folder, make_exam  # noqa: F401

from llmexam.errors import MissingDependencyError, ModelError, SettingsError
from llmexam.lm.keras_models import backend
from llmexam.lm.models.card import ModelCard, write_card
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.lm.readers.heads import MeanHead
from llmexam.solvers.registry import create_solver
from llmexam.workflows.solve import solve

ENCODING = {"max_tokens": 48}


@pytest.fixture(scope="module")
def folder_of(base_folder, tmp_path_factory):  # noqa: F811
    """Return a function that writes a tiny trained reader."""

    def make(head="mean", **card):
        folder = tmp_path_factory.mktemp("model")
        config = transformers.BertConfig.from_pretrained(base_folder)
        torch.manual_seed(0)
        if head == "mean":
            transformers.BertModel(config).save_pretrained(folder)
            own = MeanHead(config.hidden_size, 1)
            own.draw(0)
            own.save(folder)
        else:
            transformers.BertForMultipleChoice(config).save_pretrained(folder)
        load_tokenizer(resolve_model(str(base_folder))).save_pretrained(folder)
        given = {"family": "multiple-choice", "head": head, "encoding": ENCODING, **card}
        write_card(folder, ModelCard(base_model="tiny", base_weights_hash="0" * 64, **given))
        return folder

    return make


def solver_of(folder, name="keras-choice", **values):
    return create_solver(name, {"model": str(folder), "precision": "fp32", **values})


@pytest.mark.parametrize("head", ["mean", "native"])
def test_scores_are_those_of_the_torch_solver(folder_of, make_exam, head):  # noqa: F811
    folder = folder_of(head)
    questions = [*make_exam(4).questions, *make_exam(3, seed=1, n_options=2).questions]
    found = solver_of(folder).score(questions)
    expected = solver_of(folder, "multiple-choice").score(questions)
    np.testing.assert_allclose(found.values, expected.values, atol=2e-5)
    np.testing.assert_array_equal(found.present, expected.present)
    np.testing.assert_array_equal(found.truncated, expected.truncated)


def test_explanations_give_probabilities(folder_of, make_exam):  # noqa: F811
    (reason,) = solver_of(folder_of()).explain(make_exam(1).questions)
    shares = [float(option.note.split()[1]) for option in reason.options]
    assert sum(shares) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("evidence", ["none", "sentences"])
def test_only_readers_of_evidence_miss_it(folder_of, make_exam, evidence):  # noqa: F811
    folder = folder_of(encoding={**ENCODING, "evidence": evidence})
    heard = []
    settings = {"model": str(folder), "precision": "fp32"}
    solve(make_exam(2).without_passages(), "keras-choice", settings, warn=heard.append)
    assert len(heard) == (evidence == "sentences")


def test_int8_is_refused(folder_of, make_exam):  # noqa: F811
    solver = solver_of(folder_of(), precision="int8")
    with pytest.raises(ModelError, match=r"int8 is not supported.*Use solver multiple-choice"):
        solver.score(make_exam(1).questions)


def test_models_of_other_families_are_refused(folder_of, make_exam):  # noqa: F811
    with pytest.raises(SettingsError, match="got one for 'cross-encoder'"):
        solver_of(folder_of(family="cross-encoder")).score(make_exam(1).questions)


def test_settings_are_checked():
    with pytest.raises(SettingsError, match="model"):
        create_solver("keras-choice")
    with pytest.raises(SettingsError, match="no setting 'max_tokens'"):
        solver_of("x", max_tokens=12)
    with pytest.raises(SettingsError, match="backend"):
        solver_of("x", backend="theano")


def test_what_is_missing_is_said_when_it_is_made(monkeypatch):
    found = backend.find_spec
    monkeypatch.setattr(
        backend, "find_spec", lambda name: None if name == "keras_hub" else found(name)
    )
    with pytest.raises(MissingDependencyError, match="pip install --no-deps keras-hub"):
        solver_of("x")


def test_a_backend_that_is_not_set_is_an_error(monkeypatch):
    monkeypatch.setattr(backend, "_imported_backend", lambda: None)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(SettingsError, match="KERAS_BACKEND is 'torch'"):
        solver_of("x", backend="jax")


def test_making_it_does_not_import_keras():
    code = (
        "import sys; from llmexam.solvers.registry import create_solver; "
        "create_solver('keras-choice', {'model': 'x'}); "
        "sys.exit('keras' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
