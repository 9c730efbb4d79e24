"""Worth of combinations in an earlier run."""

import pickle

import pytest

from llmexam.ensemble.build import build_ensemble
from llmexam.evaluation.metrics.registry import choice_metrics
from llmexam.exam.score_files import read_scores
from llmexam.tasks.multiple_choice import worth as worth_module
from llmexam.tasks.multiple_choice.worth import RunWorth
from llmexam.workflows.run.pipeline import run_plan
from llmexam.workflows.run.plan import read_plan
from workflows.run.limit.conftest import write_exam, write_plan

NAMES = ["longest", "lexical", "random"]


@pytest.fixture
def folder(tmp_path):
    write_exam(tmp_path, 30)
    run_plan(write_plan(tmp_path, *NAMES), tmp_path / "earlier")
    return tmp_path


@pytest.fixture
def fits(monkeypatch):
    found = []

    def fit(*given):
        found.append(given)
        return worth_module_fit(*given)

    worth_module_fit = worth_module.fit_out_of_fold
    monkeypatch.setattr(worth_module, "fit_out_of_fold", fit)
    return found


@pytest.mark.parametrize("weights", ["fitted", "greedy"])
def test_weights_are_fitted_once_for_all_combinations(folder, fits, weights):
    plan = read_plan(write_plan(folder, *NAMES, ensemble={"weights": weights}))
    worth = RunWorth(plan, folder / "earlier")
    some = [{"longest", "lexical"}, {"longest", "random"}, set(NAMES)]
    values = [worth.of(frozenset(names)) for names in some]
    assert all(0 < value <= 1 for value in values)
    assert len(fits) == 1
    # All together are worth what the ensemble of the run is.
    exam = plan.exam.read()
    matrices = {
        name: read_scores(folder / "earlier" / "scores" / f"{name}.parquet")[0] for name in NAMES
    }
    scores = build_ensemble(matrices, plan.ensemble, exam).scores
    metric = choice_metrics(plan.evaluation.k)[0]
    assert values[-1] == float(metric.values(exam, scores.ranking).mean())


def test_too_few_questions_for_a_fit_give_equal_weights(folder, fits):
    settings = {"weights": "fitted", "n_folds": 31}
    plan = read_plan(write_plan(folder, *NAMES, ensemble=settings))
    equal = read_plan(write_plan(folder, *NAMES))
    names = frozenset(NAMES)
    worth = RunWorth(plan, folder / "earlier")
    assert worth.of(names) == RunWorth(equal, folder / "earlier").of(names)
    worth.of(frozenset(NAMES[:2]))
    assert len(fits) == 1


def test_worth_can_be_sent_to_another_process_with_its_fit(folder, fits):
    plan = read_plan(write_plan(folder, *NAMES, ensemble={"weights": "fitted"}))
    worth = RunWorth(plan, folder / "earlier")
    expected = worth.of(frozenset(NAMES))
    sent = pickle.loads(pickle.dumps(worth))
    assert sent.of(frozenset(NAMES)) == expected
    sent.of(frozenset(NAMES[:2]))
    assert len(fits) == 1
