"""Expected seconds: by earlier starts, an earlier run, and the measured speed."""

import json
from types import SimpleNamespace

import pytest

from llmexam.tasks.limited import SingleWorth, SolverFacts
from llmexam.workflows.run.limit.deadline import Speed
from llmexam.workflows.run.limit.forecasts import Forecasts, seconds_of_run
from llmexam.workflows.run.limit.record import LimitRecord, SolverState
from llmexam.workflows.run.limit.schedule import Forecast, choose_next


@pytest.fixture
def earlier(tmp_path):
    """The folder of a run of 100 questions."""
    stages = [
        {"name": "audit", "seconds": 9.0, "cached": False},
        {"name": "score a", "seconds": 10.0, "cached": False},
        {"name": "explain a", "seconds": 99.0, "cached": False},
        {"name": "score b", "seconds": 50.0, "cached": False},
        {"name": "score c", "seconds": 0.0, "cached": True},
    ]
    record = {"exam": {"n_questions": 100}, "stages": stages}
    (tmp_path / "run.json").write_text(json.dumps(record))
    return tmp_path


def record_of(folder, **states):
    return LimitRecord(folder, "hash", solvers={n: SolverState(**s) for n, s in states.items()})


def test_seconds_of_a_run_are_those_of_answers_that_were_computed(earlier):
    assert seconds_of_run(earlier) == {"a": Forecast(0.0, 0.1), "b": Forecast(0.0, 0.5)}


def test_what_a_start_with_a_limit_measured_comes_first(earlier):
    states = {"solvers": {"a": {"seconds_each": 0.3}, "c": {"seconds_each": None}}}
    (earlier / "time_limit.json").write_text(json.dumps(states))
    assert seconds_of_run(earlier)["a"] == Forecast(0.0, 0.3)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"exam": 3, "stages": 4}'])
def test_a_folder_without_a_record_says_nothing(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    assert seconds_of_run(tmp_path) == {}


def test_a_slow_machine_corrects_what_is_expected_of_the_others(earlier):
    record = record_of(earlier, a={}, b={})
    forecasts = Forecasts(SimpleNamespace(values=earlier), record, 1_000)
    speed = Speed()

    def choose(left):
        return choose_next(
            ["b"],
            ["a"],
            seconds={"b": forecasts.seconds_left("b")},
            worth=SingleWorth(),
            facts={"b": SolverFacts()},
            left=left,
        )

    assert choose(600.0).name == "b"
    # 100 s were expected of `a`.
    forecasts.measured("a", 400.0, speed)
    forecasts.factor = speed.factor
    assert choose(600.0).too_long == {"b": 2_000.0}


def test_the_first_parts_of_a_solver_correct_the_others(earlier):
    record = record_of(earlier, a={}, b={})
    forecasts = Forecasts(SimpleNamespace(values=earlier), record, 1_000)
    speed = Speed()
    forecasts.paced("a", 0.4, speed)
    assert speed.factor == pytest.approx(4.0)


def test_only_what_is_left_is_expected_of_a_solver_that_resumes(earlier):
    record = record_of(earlier, a={"n_done": 900, "seconds_each": 2.0}, b={"n_done": 500})
    forecasts = Forecasts(SimpleNamespace(values=earlier), record, 1_000)
    assert forecasts.seconds_left("a") == 200.0
    assert forecasts.seconds_left("b") == 250.0
