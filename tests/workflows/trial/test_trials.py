"""Questions answered with what a folder holds."""

import json

import pytest

import llmexam as lx
from llmexam.errors import LlmExamError, MissingDependencyError, SettingsError
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.run.plan import read_plan
from llmexam.workflows.trial.evidence import weights_of
from llmexam.workflows.trial.loaded import Loaded
from llmexam.workflows.trial.requests import RecoverRequest, SolveRequest, Way
from llmexam.workflows.trial.stamps import Stamps
from llmexam.workflows.trial.trials import Trials
from run_folders import write_exam

PLANET = "Which planet is the largest?\nA) Mars\nB) Jupiter\nAnswer: B"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("workspace")
    lx.build_index("bundled", path / "wiki", kind="sparse")
    lx.build_index("bundled", path / "parts", parts=3)
    (path / "plans").mkdir()
    (path / "plans" / "two.yaml").write_text(
        "title: Two solvers\nexam: bundled\nevidence: {index: ../wiki, k: 3}\n"
        "solvers: [lexical, longest]\nensemble: {weights: {lexical: 3, longest: 1}}\n"
    )
    (path / "plans" / "paid.yaml").write_text(
        "exam: bundled\nsolvers:\n- openai: {model: m, base_url: 'http://127.0.0.1:9/v1'}\n"
    )
    (path / "plans" / "hub.yaml").write_text(
        "exam: bundled\nsolvers:\n- bi-encoder: {model: someone/model}\n"
    )
    (path / "plans" / "prompts.yaml").write_text(
        "task: prompt-recovery\nexam: bundled\nfolds: {n: 5}\nsolvers: [copy, constant]\n"
        "final: constant\n"
    )
    (path / "notes.yaml").write_text("exam: none\n")
    return path


@pytest.fixture
def trials(folder):
    made = Trials(Workspace(folder))
    yield made
    made.close()


def answer(trials, **values):
    return trials.result(_done(trials.solve(SolveRequest.parse(values, subject="the question"))))


def _done(job):
    job.future.result(60)
    return job


def test_what_a_folder_holds_is_offered(trials):
    offers = trials.offers()
    ids = [one.id for one in offers.ways]
    assert "solver:lexical" in ids
    assert "solver:openai" not in ids
    assert "plan:plans/two.yaml" in ids
    assert offers.find("plan", "plans/prompts.yaml").task == "prompt-recovery"
    assert not any("notes" in name for name in ids)
    assert set(offers.indexes) == {"bundled", "parts", "wiki"}
    json.dumps(offers.as_dict())


def test_an_answer_equals_that_of_the_python_api(trials, folder):
    found = answer(trials, text=PLANET, indexes=["wiki"], settings={"reach": 5})
    exam = lx.Exam((lx.Question("q", "Which planet is the largest?", ("Mars", "Jupiter")),))
    exam = lx.retrieve(exam, str(folder / "wiki"))
    scores = lx.solve(exam, "lexical", {"reach": 5})
    assert [one.score for one in found.options] == pytest.approx(scores.values[0].tolist())
    assert (found.ranking, found.answer) == ("BA", "B")
    assert [one.id for one in found.passages] == [one.id for one in exam[0].passages]
    assert any(piece.kind != "around" for one in found.passages for piece in one.pieces)
    for passage, own in zip(found.passages, exam[0].passages, strict=True):
        assert "".join(piece.text for piece in passage.pieces) == own.text
    assert set(found.seconds) >= {"all", "wait", "search", "score", "explain"}
    assert sum(one.probability for one in found.options) == pytest.approx(1)


def test_own_passages_are_used_instead_of_an_index(trials):
    found = answer(trials, text=PLANET, passages=["Jupiter is the largest planet."])
    assert found.ranking == "BA"
    assert [one.score for one in found.passages] == [None]
    assert answer(trials, text=PLANET).notes == (
        "There is no evidence: choose an index, or give passages.",
    )


def test_a_plan_of_several_solvers_shows_each_and_its_weight(trials):
    found = answer(trials, text=PLANET, plan="plans/two.yaml")
    assert [(one.name, one.weight) for one in found.members] == [
        ("lexical", 0.75),
        ("longest", 0.25),
    ]
    assert len(found.passages) == 3
    assert set(found.options[0].reasons) == {"lexical", "longest"}
    assert not found.calibrated


def test_a_rewritten_text_gets_the_prompt_of_the_plan(trials):
    request = RecoverRequest(original="a", rewritten="b", plan="plans/prompts.yaml")
    found = trials.result(_done(trials.recover(request)))
    assert found.prompt == "Improve the text to this."
    request = RecoverRequest(original="The text.", rewritten="b", recoverer="copy")
    assert trials.result(_done(trials.recover(request))).prompt == "The text."


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"solver": "openai"}, "needs a model or a plan"),
        ({"solver": "lexicl"}, "Did you mean 'lexical'"),
        ({"settings": {"reech": 3}}, "Did you mean 'reach'"),
        ({"settings": {"reach": -3}}, "greater than 0"),
        ({"settings": {"weights": {"coverage": "x"}}}, "cannot be given here"),
        ({"settings": {"reach": "5"}}, "expected a number, got the text '5'"),
        ({"settings": {"read_wording": "5"}}, "expected true or false, got the text '5'"),
        ({"settings": {"model": "../model"}}, "no trained model"),
        ({"indexes": ["../wiki"]}, "there is no index"),
        ({"indexes": ["/etc"]}, "there is no index"),
        ({"plan": "../plans/two.yaml"}, "there is no plan"),
        ({"plan": "plans/two.yaml", "solver": "lexical"}, "got both"),
        pytest.param(
            {"plan": "plans/paid.yaml"},
            "requests to an endpoint",
            marks=pytest.mark.needs("openai"),
        ),
        pytest.param(
            {"plan": "plans/hub.yaml"}, "not downloaded", marks=pytest.mark.needs("encoders")
        ),
        ({"k": 0}, "greater than or equal to 1"),
        ({"text": "hello"}, "expected 2 to 26 options"),
    ],
)
def test_what_a_page_must_not_ask_is_refused(trials, values, message):
    with pytest.raises(LlmExamError, match=message):
        answer(trials, **{"text": PLANET, **values})


@pytest.mark.needs("encoders")
@pytest.mark.parametrize("name", ["device", "query_prefix"])
def test_settings_that_may_name_something_are_refused(trials, name):
    with pytest.raises((SettingsError, MissingDependencyError), match="cannot be given here"):
        answer(trials, text=PLANET, solver="bi-encoder", settings={name: "x"})


def test_the_least_recently_used_is_dropped():
    made = []

    class Prepared:
        pass

    def prepare(way):
        made.append(way.name)
        return Prepared()

    loaded = Loaded(prepare, most=2)
    a, b, c = (Way("solver", name) for name in "abc")
    for way in (a, b, a, c, a, b):
        loaded.get(way)
    assert made == ["a", "b", "c", "b"]
    loaded.note(b, 3, 0.5, 10.0)
    assert [(one.name, one.n_answered) for one in loaded.models()] == [("b", 3), ("a", 0)]


def test_equal_questions_are_scored_once_and_the_state_is_shown(trials):
    one = answer(trials, text=PLANET, indexes=["wiki"])
    again = answer(trials, text=PLANET.replace("Answer: B", "Answer: A"), indexes=["wiki"])
    assert (one.answer, again.answer) == ("B", "A")
    assert one.options == again.options
    state = trials.state()
    assert (state.n_answered, state.n_waiting, len(state.loaded)) == (2, 0, 1)
    assert state.loaded[0].name == "lexical"


def test_a_plan_is_loaded_again_when_what_it_names_changes(tmp_path):
    lx.build_index("bundled", tmp_path / "wiki", kind="sparse")
    (tmp_path / "plan.yaml").write_text(
        "exam: bundled\nevidence: {index: wiki}\nsolvers: [lexical]\n"
    )
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "scores").mkdir()
    stamps = Stamps(Workspace(tmp_path))
    seen = {stamps.of(plan="plan.yaml")}
    for name in ("wiki/manifest.json", "scores/lexical.parquet", "metrics.json", "plan.yaml"):
        path = tmp_path / name
        before = path.read_bytes() if path.is_file() else b""
        path.write_bytes(before + b"\n")
        found = stamps.of(plan="plan.yaml")
        assert found not in seen, name
        seen.add(found)
    assert stamps.of(plan="plan.yaml") in seen


def test_a_cache_that_a_plan_names_does_not_count(tmp_path):
    (tmp_path / "vectors").mkdir()
    (tmp_path / "plan.yaml").write_text(
        "task: prompt-recovery\nexam: bundled\nsolvers: [copy]\nvector_cache: vectors\n"
    )
    stamps = Stamps(Workspace(tmp_path))
    before = stamps.of(plan="plan.yaml")
    (tmp_path / "vectors" / "new").write_text("x")
    assert stamps.of(plan="plan.yaml") == before


def test_weights_are_fitted_on_the_questions_that_the_run_answered(tmp_path):
    exam = write_exam(tmp_path / "exam.jsonl")
    lx.run(
        {
            "exam": {"path": str(exam), "where": {"subject": "physics"}},
            "solvers": ["longest", "first"],
            "ensemble": {"weights": "fitted"},
            "evaluation": {"n_resamples": 100},
        },
        tmp_path / "run",
    )
    plan = read_plan(tmp_path / "run" / "plan.yaml")
    weights, notes = weights_of(plan, tmp_path / "run" / "plan.yaml")
    assert notes == ("Weights of the solvers are those fitted in the run.",)
    assert set(weights.weights) == {"longest", "first"}


def test_lexical_may_be_used_by_several_threads(trials):
    found = trials._solver_way(SolveRequest(text=PLANET, indexes=("wiki",)))
    assert found.threaded
    assert not trials._solver_way(SolveRequest(text=PLANET, plan="plans/two.yaml")).threaded
    request = SolveRequest(text=PLANET, solver="lexical", indexes=("parts",), k=3)
    assert trials._solver_way(request).threaded
    whole = answer(trials, text=PLANET, indexes=["wiki"], k=3)
    assert trials.result(_done(trials.solve(request))).passages == whole.passages
    assert not trials._solver_way(SolveRequest(text=PLANET, solver="longest")).threaded
