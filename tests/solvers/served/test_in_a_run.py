"""A served model in a whole run: what it used is shown, and a second run pays nothing."""

import json
import re

import pytest
import yaml
from tests.training.ranker.conftest import train

from llmexam.cli.app import app
from llmexam.errors import ModelError
from llmexam.exam.loading import load_exam
from llmexam.exam.writers import write_exam
from llmexam.solvers.registry import create_solver
from llmexam.training.curve_file import CURVE_FILE
from llmexam.workflows.run.pipeline import run_plan

pytest.importorskip("openai", reason="the extra openai is not installed")


@pytest.fixture
def plan(endpoint, tmp_path):
    served = {"solver": "openai", "model": "tiny", "base_url": endpoint.url, "rotations": 26}
    served["api_key_env"] = "OPENAI_API_KEY"
    write_exam(tmp_path / "exam.csv", load_exam("bundled").subset(range(20)), format="kaggle")
    values = {
        "exam": "exam.csv",
        "solvers": [{**served, "cache_dir": "answers", "prompt_price": 1.0}],
        "evaluation": {"n_resamples": 100},
    }
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.slow
def test_a_run_pays_each_request_once_and_shows_what_it_used(endpoint, plan, tmp_path, monkeypatch):
    # A training of the served model's name, which has nothing to do with it.
    for base in (tmp_path, tmp_path / "elsewhere"):
        (base / "tiny").mkdir(parents=True)
        (base / "tiny" / CURVE_FILE).write_text('{"step": 1, "loss": 2.0}\n')
    monkeypatch.chdir(tmp_path / "elsewhere")
    content = run_plan(plan, tmp_path / "run")
    assert {body["model"] for body in endpoint.asked} == {"tiny"}
    assert content.solvers[0].curve == ()
    n_paid = sum(endpoint.answered.values())
    # One for each turn of the options; those that the audit of positions asks for are the same.
    assert n_paid == sum(len(question.options) for question in content.exam)
    assert max(endpoint.answered.values()) == 1
    assert content.provenance["usage of openai"].startswith(f"{n_paid} answers requested; 0 cached")
    record = (tmp_path / "run" / "run.json").read_text()
    assert f"{n_paid} answers requested" in json.loads(record)["provenance"]["usage of openai"]
    again = run_plan(plan, tmp_path / "run")
    assert again.provenance["usage of openai"] == content.provenance["usage of openai"]
    other = run_plan(plan, tmp_path / "other")
    assert other.provenance["usage of openai"].startswith(f"0 answers requested; {n_paid} cached")
    assert sum(endpoint.answered.values()) == n_paid
    # No file holds the key: no plan, record, report or answer.
    assert {*endpoint.keys} == {"Bearer sk-very-secret-4711"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.parent == tmp_path / "answers" for path in files)
    assert not any(b"sk-very-secret" in path.read_bytes() for path in files)


@pytest.mark.slow
def test_the_command_tells_what_was_used(endpoint, tmp_path):
    from typer.testing import CliRunner

    arguments = ["solve", "bundled", "--solver", "openai", "--submission", str(tmp_path / "s.csv")]
    for setting in ("model=tiny", f"base_url={endpoint.url}", f"cache_dir={tmp_path / 'answers'}"):
        arguments += ["--set", setting]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "openai: " in done.stderr
    assert "answers requested; 0 cached" in done.stderr


def counted(told):
    """Requests and tokens of a text on usage, by who used them."""
    found = {}
    for part in told.split(" | "):
        who, _, usage = part.rpartition("): ")
        sent = int(re.search(r"([\d,]+) prompt tokens", usage)[1].replace(",", ""))
        found[who.partition(" ")[0]] = (int(re.match(r"\d+", usage)[0]), sent)
    return found


@pytest.mark.parametrize(
    "beside",
    [pytest.param(False, id="alone"), pytest.param(True, id="beside", marks=pytest.mark.slow)],
)
def test_what_a_cascade_makes_a_served_model_use_is_shown_once(endpoint, tmp_path, beside):
    write_exam(tmp_path / "exam.csv", load_exam("bundled").subset(range(8)), format="kaggle")
    served = {"model": "tiny", "base_url": endpoint.url, "cache_dir": "answers"}
    served |= {"answers": "logprobs", "prompt_price": 1.0}
    second = {"openai": served}
    solvers = [
        {"solver": "cascade", "first": "longest", "second": second, "share": 0.5},
        {"solver": "cascade", "name": "wider", "first": second, "second": second, "share": 0.25},
        *([{"solver": "openai", **served}] if beside else []),
    ]
    values = {"exam": "exam.csv", "solvers": solvers}
    values["evaluation"] = {"n_resamples": 100, "positions": True}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(values))
    content = run_plan(tmp_path / "plan.yaml", tmp_path / "run")
    used = {
        name.removeprefix("usage of "): told
        for name, told in content.provenance.items()
        if name.startswith("usage of ")
    }
    own = used.pop("openai", "0")
    parts = [counted(told) for told in used.values()]
    n_cascades = sum(n for part in parts for n, _ in part.values())
    n_own = int(own.split()[0])
    # Turned options are asked for, too; whoever asked first has paid.
    assert n_own + n_cascades == sum(endpoint.answered.values()) >= 5 * 4
    assert max(endpoint.answered.values()) == 1
    assert all(sent == 100 * n for part in parts for n, sent in part.values())
    assert (n_own > 0) == beside
    # The turns of its own audit are all that the cascades ask for.
    assert len(used) == (0 if beside else 2)
    if not beside:
        assert parts[0].keys() == {"second"}
        assert "cost" in used["cascade"]
        assert parts[0]["second"][0] >= 4


def test_what_a_ranker_makes_a_served_model_use_is_told(endpoint, tmp_path):
    pytest.importorskip("sklearn", reason="the extra train is not installed")
    exam = load_exam("bundled").subset(range(40))
    served = {"model": "tiny", "base_url": endpoint.url, "cache_dir": str(tmp_path / "answers")}
    members = ["longest", {"openai": {**served, "answers": "logprobs"}}]
    train(exam.subset(range(30)), tmp_path / "ranker", members=members, kind="logit")
    with pytest.raises(ModelError, match="that a model folder may not set"):
        create_solver("ranker", {"model": str(tmp_path / "ranker")})
    given = {"model": str(tmp_path / "ranker"), "members": {"openai": served}}
    ranker = create_solver("ranker", given)
    assert str(ranker.used()) == ""
    ranker.score(exam.questions[25:])
    # Five of them were asked in training.
    assert str(ranker.used()).startswith(
        "openai: 10 answers requested; 5 cached; 1,000 prompt tokens"
    )
    ranker.explain(exam.questions[25:])
    assert sum(endpoint.answered.values()) == 40
