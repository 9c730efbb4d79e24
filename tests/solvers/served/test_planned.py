"""What is predicted of a served model, held against the run that follows."""

import json

import pytest

from llmexam.cli.app import app
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.writers import write_exam
from llmexam.solvers.cascade.solver import CascadeSettings, CascadeSolver
from llmexam.solvers.registry import create_solver
from llmexam.solvers.scoring import solve
from llmexam.workflows.estimate.predict import estimate, predict
from llmexam.workflows.estimate.prediction import Spread
from llmexam.workflows.estimate.served import predict_served

pytest.importorskip("openai", reason="the extra openai is not installed")

EXAM = load_exam("bundled").subset(range(60))
PRICES = {"prompt_price": 2.0, "completion_price": 10.0}


@pytest.fixture(autouse=True)
def counting(endpoint):
    """An endpoint that counts tokens as a vocabulary might: some four bytes each, and a frame."""
    endpoint.tokens_of = lambda prompt: 20 + len(prompt.encode()) // 4


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"rotations": 1}, {"rotations": 3, "answers": "ranking"}])
def test_requests_tokens_and_cost_are_those_of_the_run(endpoint, make, settings):
    found = predict(EXAM.questions, make(**settings, **PRICES), name="openai")
    n_sampled = sum(endpoint.answered.values())
    assert 12 <= n_sampled <= 17
    run = make(**settings, **PRICES)
    solve(EXAM, run)
    usage = run.usage
    assert found.counts["requests"] == Spread.exact(usage.n_requests)
    assert found.counts["cached"] == Spread.exact(usage.n_kept) == Spread.exact(n_sampled)
    for name, used in (
        ("prompt tokens", usage.prompt_tokens),
        ("completion tokens", usage.completion_tokens),
        ("cost", usage.cost),
    ):
        spread = found.counts[name]
        assert spread.low <= spread.likely <= spread.high
        assert spread.low * 0.98 <= used <= spread.high * 1.02
        assert spread.likely == pytest.approx(used, rel=0.02)
        # A line through requests of different lengths leaves little open.
        assert spread.high - spread.low < 0.01 * used
    # What was asked to find out is not paid for again.
    assert max(endpoint.answered.values()) == 1


def test_seconds_are_requests_times_latency_by_how_many_are_under_way(endpoint, make):
    solver = make(max_concurrency=4)
    found = predict_served(EXAM.questions, solver, n_sample=12)
    told = solver.latencies[1:]
    assert len(told) == 12
    # One more found out whether it tells log-probabilities.
    n_left = len(EXAM) - 12 - 1
    assert found.counts["requests"].likely == n_left
    assert found.moving.likely == pytest.approx(n_left * sum(told) / 12 / 4)
    assert found.moving.low <= found.moving.likely <= found.moving.high
    assert found.speed.endswith("measured on 12 requests, 4 concurrent")
    assert (found.fixed_seconds, found.memory) == (0.0, {})


def test_what_is_kept_is_not_asked_for_and_takes_no_time(endpoint, make):
    solve(EXAM, make())
    n = sum(endpoint.answered.values())
    found = predict(EXAM.questions, make(), name="openai")
    assert sum(endpoint.answered.values()) == n
    assert found.counts["requests"] == Spread.exact(0)
    assert found.seconds == Spread.exact(0)
    assert found.speed == "not measured: all answers are cached"


def test_an_exam_of_another_size_has_no_kept_answers(endpoint, make):
    found = predict(EXAM.questions, make(), name="openai", n_questions=600)
    assert found.counts["requests"] == Spread.exact(600)
    assert found.counts["cached"] == Spread.exact(0)
    run = make()
    solve(EXAM, run)
    total = sum(20 + len(one["messages"][-1]["content"].encode()) // 4 for one in endpoint.asked)
    assert found.counts["prompt tokens"].likely == pytest.approx(10 * total, rel=0.02)


def test_an_endpoint_that_does_not_count_is_said_to(endpoint, make):
    endpoint.counts = False
    found = predict(EXAM.questions, make(**PRICES), name="openai")
    assert "the endpoint reports no token counts: they are estimated from bytes" in found.notes
    real = sum(20 + len(str(one).encode()) // 4 for one in endpoint.asked)
    assert found.counts["prompt tokens"].likely > real
    assert found.counts["cost"].high > 0


@pytest.mark.parametrize(("max_cost", "fits"), [(1.0, True), (0.01, False)])
def test_a_cost_over_the_budget_does_not_fit(make, max_cost, fits):
    solver = make(max_cost=max_cost, **PRICES)
    found = estimate(EXAM.questions, solver, name="openai", first=create_solver("first"))
    assert found.fits == fits


@pytest.mark.slow
@pytest.mark.parametrize(("part", "fits"), [(0.9, False), (1.1, True)])
def test_what_is_kept_counts_in_the_budget(make, tmp_path, part, fits):
    elsewhere = make(cache_dir=str(tmp_path / "elsewhere"), **PRICES)
    solve(EXAM, elsewhere)
    solve(EXAM.subset(range(50)), make(**PRICES))
    solver = make(max_cost=part * elsewhere.usage.cost, **PRICES)
    assert predict(EXAM.questions, solver, name="openai").within_budget == fits


def test_a_cascade_asks_about_a_share(endpoint, make):
    spec = {"first": "longest", "second": "first", "share": 0.3}
    cascade = CascadeSolver(CascadeSettings.parse(spec, subject="cascade"))
    cascade = cascade.with_members({"second": make()})
    found = predict(EXAM.questions, cascade, name="cascade", samples=(4, 6))
    n_sampled = sum(endpoint.answered.values())
    # What is asked to find out is asked by the run: it is the first solver's least certain.
    counts = found.stages[1].counts
    assert counts["requests"] == Spread.exact(18 - n_sampled)
    assert counts["cached"] == Spread.exact(n_sampled)
    later = CascadeSolver(cascade.settings).with_members({"second": make()})
    later.score(EXAM.questions)
    usage = later.members["second"].usage
    assert (usage.n_requests, usage.n_kept) == (18 - n_sampled, n_sampled)
    assert max(endpoint.answered.values()) == 1


def test_a_cascade_that_asks_little_is_asked_no_more_to_find_out(endpoint, make):
    spec = {"first": "longest", "second": "first", "share": 0.05}
    cascade = CascadeSolver(CascadeSettings.parse(spec, subject="cascade"))
    found = predict(
        EXAM.questions, cascade.with_members({"second": make(answers="ranking")}), name="cascade"
    )
    assert sum(endpoint.answered.values()) == 3
    assert found.stages[1].counts["requests"] == Spread.exact(0)
    assert not any("--sample" in note for note in found.stages[1].notes)
    run = cascade.with_members({"second": make(answers="ranking")})
    run.score(EXAM.questions)
    assert sum(endpoint.answered.values()) == 3


def test_a_threshold_leaves_fewer_to_ask(endpoint, make):
    spec = {"first": "longest", "second": "first", "share": 1, "threshold": 0.001}
    cascade = CascadeSolver(CascadeSettings.parse(spec, subject="cascade"))
    cascade = cascade.with_members({"second": make(answers="ranking")})
    n_chosen = len(cascade.choose(EXAM.questions))
    assert 0 < n_chosen < 60
    found = predict(EXAM.questions, cascade, name="cascade", samples=(1, 2))
    assert found.stages[1].n_questions == n_chosen
    twice = predict(EXAM.questions, cascade, name="cascade", samples=(1, 2), n_questions=120)
    assert twice.stages[1].n_questions == 2 * n_chosen


def test_a_cascade_whose_first_is_paid_for_asks_few_and_says_so(endpoint, make, tmp_path):
    spec = {"first": "longest", "second": "first", "share": 0.05}
    cascade = CascadeSolver(CascadeSettings.parse(spec, subject="cascade"))
    first = make(answers="ranking", model="cheap")
    cascade = cascade.with_members({"first": first, "second": make(answers="ranking")})
    found = predict(EXAM.questions, cascade, name="cascade", samples=(4, 6))
    asked = [body["model"] for body in endpoint.asked]
    assert (asked.count("cheap"), asked.count("tiny")) == (6, 3)
    assert any("is known only after the first has scored all" in note for note in found.notes)
    assert (
        "3 requests were sent for this estimate; their answers are cached" in found.stages[1].notes
    )


def test_the_command(endpoint, tmp_path):
    from typer.testing import CliRunner

    write_exam(tmp_path / "exam.csv", Exam(EXAM.questions[:30]), format="kaggle")
    settings = {
        "base_url": endpoint.url,
        "cache_dir": str(tmp_path / "answers"),
        "prompt_price": 1.0,
    }
    asked = ["estimate", str(tmp_path / "exam.csv"), "--solver", "openai", "--model", "tiny"]
    asked += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    done = CliRunner().invoke(app, [*asked, "--sample", "8"])
    assert done.exit_code == 0, done.output
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert lines["requests"] == "21 to send; 9 answers are cached"
    assert "in the currency of the prices" in lines["cost"]
    assert "memory" not in lines
    assert "9 requests were sent for this" in done.stdout
    told = json.loads(CliRunner().invoke(app, [*asked, "--json", "--limit", "1h"]).stdout)
    assert told["counts"]["requests"]["likely"] == 5
    assert told["fits"]
