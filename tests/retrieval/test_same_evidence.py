import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from llmexam.errors import SettingsError
from llmexam.evidence.reranker import RerankerSettings
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.lm.models.card import EvidenceOrigin
from llmexam.lm.models.loading import resolve_model
from llmexam.retrieval.build import build_index
from llmexam.retrieval.gather import evidence_origin
from llmexam.retrieval.plan import EvidencePlan
from llmexam.retrieval.same_evidence import check_evidence, require_same_evidence
from llmexam.solvers.protocol import SolverDescription
from llmexam.tasks.multiple_choice import task as run_module
from llmexam.testing import ConstantSolver
from llmexam.workflows import solve as solve_module
from llmexam.workflows.run.pipeline import run_plan
from llmexam.workflows.solve import solve

BARE = Question("1", "p", ("a", "b"), answer=0)
BACKED = Question("2", "p", ("a", "b"), answer=0, passages=(Passage("t"),))
RETRIEVED = EvidenceOrigin(
    source="retrieved", kinds=("sparse",), chunking={"tokens": 9}, query_form="prompt", k=4
)


def origin(questions, **plan):
    return evidence_origin(EvidencePlan.parse(plan, subject="evidence"), Exam(tuple(questions)))


def test_the_origin_of_evidence_that_is_not_searched():
    assert origin([BARE]) == EvidenceOrigin(source="none")
    assert origin([BARE, BACKED]) == EvidenceOrigin(source="given")
    assert origin([BACKED], given="drop") == EvidenceOrigin(source="none")
    # All have their own, so nothing is searched.
    assert origin([BACKED], corpus=["bundled"]) == EvidenceOrigin(source="given")


@pytest.mark.parametrize(
    ("given", "source"),
    [("keep", "given or retrieved"), ("append", "given and retrieved"), ("drop", "retrieved")],
)
def test_the_origin_of_evidence_that_is_searched(given, source):
    found = origin([BARE, BACKED], corpus=["bundled"], given=given, k=7)
    assert (found.source, found.kinds, found.k, found.model) == (source, ("sparse",), 7, "")
    assert found.chunking == EvidencePlan().chunking.model_dump()


def test_the_origin_names_the_weights_that_found_it():
    pytest.importorskip("torch")
    weights = resolve_model("bundled").weights_hash
    found = origin([BARE], corpus=["bundled"], kinds=["dense", "sparse"], reranker="bundled")
    assert (found.kinds, found.model, found.reranker) == (("dense", "sparse"), weights, weights)
    assert found.depth == RerankerSettings(model="bundled").depth
    assert origin([BARE], corpus=["bundled"]).depth == 0


def test_an_index_that_is_there_tells_how_it_was_cut(tmp_path):
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"id": "1", "text": "salt melts"}) + "\n")
    build_index(tmp_path / "corpus.jsonl", tmp_path / "index", chunking=None)
    found = origin([BARE], index=[str(tmp_path / "index")])
    assert (found.kinds, found.chunking) == (("sparse",), {})


def test_the_same_evidence_is_taken():
    require_same_evidence(RETRIEVED, RETRIEVED.model_copy(), "reader")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": 9}, "passages per question 9, in training 4"),
        ({"depth": 50}, "reranking depth 50, in training 0"),
        ({"kinds": ("dense", "sparse")}, "kinds of index dense + sparse, in training sparse"),
        ({"chunking": {}}, "chunking whole documents, in training tokens 9"),
        ({"reranker": "f" * 64}, "reranker 'ffffffffffff…', in training ''"),
        ({"source": "given", "k": 0}, "evidence 'given', in training 'retrieved'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_other_evidence_is_refused_with_what_differs(change, words):
    with pytest.raises(SettingsError, match="solver 'reader' was trained") as error:
        require_same_evidence(RETRIEVED, RETRIEVED.model_copy(update=change), "reader")
    assert error.value.message.endswith(words)
    assert "allow_other_evidence: true" in str(error.value)


def fake(trained, *, allow=False, **more):
    description = SolverDescription(trained_on=trained, takes_other_evidence=allow, **more)
    return SimpleNamespace(describe=lambda: description)


def test_solvers_that_were_not_trained_on_evidence_take_any():
    plan, exam = EvidencePlan(), Exam((BACKED,))
    check_evidence([("old", ConstantSolver()), ("blind", fake(None))], plan, exam)
    check_evidence([("told", fake(RETRIEVED, allow=True))], plan, exam)
    check_evidence([("right", fake(EvidenceOrigin(source="given")))], plan, exam)
    with pytest.raises(SettingsError, match="'wrong'"):
        check_evidence([("wrong", fake(RETRIEVED))], plan, exam)


def test_the_members_of_a_solver_are_checked_too():
    ranker = fake(None, members={"inner": fake(RETRIEVED)})
    with pytest.raises(SettingsError, match="'inner'"):
        check_evidence([("ranker", ranker)], EvidencePlan(), Exam((BACKED,)))


@pytest.mark.parametrize("module", [run_module, solve_module], ids=["run", "solve"])
def test_a_run_and_a_solve_refuse_before_any_work(module, tmp_path, monkeypatch):
    made = module.create_solver

    def trained(name, settings=None):
        solver = made(name, settings)
        description = replace(solver.describe(), trained_on=RETRIEVED)
        monkeypatch.setattr(solver, "describe", lambda: description)
        return solver

    monkeypatch.setattr(module, "create_solver", trained)
    (tmp_path / "plan.yaml").write_text("exam: bundled\nsolvers: [first]\n")

    def work():
        if module is solve_module:
            solve("bundled", "first", out=tmp_path / "scores.parquet")
        else:
            run_plan(tmp_path / "plan.yaml", tmp_path / "run")

    with pytest.raises(SettingsError, match="trained with evidence retrieved in another way"):
        work()
    assert not list(tmp_path.rglob("*.parquet"))
