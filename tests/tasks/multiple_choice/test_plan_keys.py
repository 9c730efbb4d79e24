"""Every key of a plan reaches the key of each stage that depends on it.

Nothing is computed: an executor notes the key of each stage, and its results hold the keys of the
stages before, so that a change travels on as it does in a run.
"""

import json
from copy import deepcopy
from typing import get_args

import pytest
from pydantic import BaseModel

from llmexam.exam.question import Passage
from llmexam.exam.scores import ScoreMatrix
from llmexam.retrieval import gather
from llmexam.solvers.lexical.solver import LexicalSettings
from llmexam.tasks.multiple_choice.plan import Plan
from llmexam.tasks.multiple_choice.task import MultipleChoice
from llmexam.workflows.run.plan import parse_plan

NAMES = ("a", "b")
SOLVE = ("score", "explain", "rotate options for")
A = {f"{stage} a" for stage in SOLVE}
B = {f"{stage} b" for stage in SOLVE}
INDEXES = {"index sparse", "index dense"}
SEARCH = {"search", *A, *B}
# Computed in every run: combining, grading, comparing and the report have no stage.
NO_STAGE = set()

# A key of the plan, another value for it, and the stages whose key it changes.
CHANGES = {
    "title": ("Another title", NO_STAGE),
    "task": (None, NO_STAGE),  # There is one task that has these keys.
    "exam.path": ("other.csv", {"audit", *SEARCH}),
    # A stage depends on what was read, whatever the format is called.
    "exam.format": ("kaggle", NO_STAGE),
    "exam.fields": ({"options": "B,A"}, {"audit", *SEARCH}),
    "exam.answer_base": (0, NO_STAGE),
    "exam.on_faulty": ("skip", NO_STAGE),
    "exam.encoding": ("utf-8", NO_STAGE),
    "exam.keep_labels": (True, NO_STAGE),
    "exam.limit": (1, {"audit", *SEARCH}),
    "exam.sample": (1, {"audit", *SEARCH}),
    "exam.sample_seed": (1, NO_STAGE),
    "exam.where": ({"part": "b"}, {"audit", *SEARCH}),
    "evidence.corpus.path": ("other.jsonl", {*INDEXES, *SEARCH}),
    "evidence.corpus.format": ("jsonl", {*INDEXES, *SEARCH}),
    "evidence.corpus.fields": ({"text": "body"}, {*INDEXES, *SEARCH}),
    "evidence.corpus.max_record_mb": (1, NO_STAGE),
    "evidence.corpus.max_expansion": (9, NO_STAGE),
    "evidence.index": (["index-b"], SEARCH),
    "evidence.kinds": (["sparse"], {"index dense", *SEARCH}),
    "evidence.model": ("some/other", {"index dense", *SEARCH}),
    "evidence.chunking.tokens": (100, {*INDEXES, *SEARCH}),
    "evidence.chunking.overlap": (10, {*INDEXES, *SEARCH}),
    "evidence.query_form": ("prompt", SEARCH),
    "evidence.k": (5, SEARCH),
    "evidence.given": ("append", SEARCH),
    "evidence.reranker.model": ("some/other", SEARCH),
    "evidence.reranker.depth": (30, SEARCH),
    "evidence.reranker.precision": ("bf16", SEARCH),
    "evidence.reranker.device": ("cuda", SEARCH),
    "solvers.solver": ("longest", A),
    "solvers.name": ("c", {*A, *(f"{stage} c" for stage in SOLVE)}),
    "solvers.settings.weights.coverage": (1.5, A),
    "solvers.settings.weights.nearness": (1.5, A),
    "solvers.settings.weights.mass": (1.5, A),
    "solvers.settings.weights.run": (1.5, A),
    "solvers.settings.weights.best_sentence": (1.5, A),
    "solvers.settings.stop_weight": (0.5, A),
    "solvers.settings.floor": (0.5, A),
    "solvers.settings.reach": (2.0, A),
    "solvers.settings.rank_decay": (0.5, A),
    "solvers.settings.read_wording": (False, A),
    "solvers.settings.n_supports": (1, {"explain a"}),
    "ensemble.method": ("vote", NO_STAGE),
    "ensemble.weights": ("greedy", NO_STAGE),
    "ensemble.greedy_metric": ("map", NO_STAGE),
    "ensemble.n_folds": (3, NO_STAGE),
    "ensemble.seed": (1, NO_STAGE),
    "ensemble.temperature": (2.0, NO_STAGE),
    "ensemble.rank_constant": (10.0, NO_STAGE),
    "final": ("a", NO_STAGE),
    "evaluation.n_resamples": (500, NO_STAGE),
    "evaluation.cluster_by": ("none", NO_STAGE),
    "evaluation.margin": (0.02, NO_STAGE),
    "evaluation.k": (2, {"rotate options for a", "rotate options for b"}),
    "evaluation.slice_by": ("part", NO_STAGE),
    "evaluation.positions": (False, {"rotate options for a", "rotate options for b"}),
    "evaluation.explanations": (False, {"explain a", "explain b"}),
    "evaluation.compare": (["other.csv"], NO_STAGE),
    "audit_against": (["other.csv"], {"audit"}),
    "seed": (9, {"audit", *B}),
    "time_limit": ("9h", NO_STAGE),
    "values": ("runs/earlier", NO_STAGE),
}


class Recorder:
    """An executor that computes nothing."""

    def __init__(self):
        self.keys = {}
        self.records = []

    def run(self, stage):
        self.keys[stage.name] = stage.key
        exam = stage.inputs.get("exam")
        if stage.name == "search":
            return exam.with_passages([[Passage(stage.key)]] * len(exam))
        if stage.name.startswith("score"):
            return ScoreMatrix.from_rows(exam.ids, [[0.0] * len(q.options) for q in exam])
        return ()

    def time(self, name, compute):
        return None

    def record(self, name, files):
        pass

    def advance(self, n_done, n_all=None):
        pass


@pytest.fixture
def folder(tmp_path):
    head = "id,prompt,A,B,answer,part\n"
    rows = ["0,What melts?,salt,sand,A,a", "1,What melts at 0?,ice,sand,A,b"]
    (tmp_path / "exam.csv").write_text(head + "\n".join(rows) + "\n")
    (tmp_path / "other.csv").write_text(head + "0,What burns?,salt,wood,B,a\n")
    for name in ("corpus", "other"):
        document = {"id": "1", "text": f"Salt melts in {name}.", "body": "Sand does not."}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(document) + "\n")
    return tmp_path


BASE = {
    "exam": {"path": "exam.csv"},
    "evidence": {
        "corpus": [{"path": "corpus.jsonl"}],
        "index": ["index-a"],
        "kinds": ["sparse", "dense"],
        "model": "some/model",
        "reranker": {"model": "some/reranker"},
    },
    "solvers": [{"solver": "lexical", "name": "a"}, {"solver": "random", "name": "b"}],
    "evaluation": {"k": 3},
}


def keys_of(values, folder, monkeypatch):
    """Return the key of each stage of a plan's run."""
    stages = Recorder()

    def index_hash(path):
        # An index that the run builds is what its stage makes of it.
        return stages.keys.get(f"index {path.name}", path.name)

    monkeypatch.setattr(gather, "index_hash", index_hash)
    monkeypatch.setattr("llmexam.tasks.multiple_choice.judge.read_scores", lambda path: (None, {}))
    plan = parse_plan(values, base=folder, file=None)
    task = MultipleChoice()
    exam = task.read(plan)
    task.audit(plan, exam, stages)
    prepared = task.prepare(plan, exam, stages, folder)
    task.answer(plan, prepared.items, stages, folder)
    return stages.keys


def keys_below(kind, above=""):
    """Return the dotted keys of some settings, those of nested settings too."""
    found = []
    for name, field in kind.model_fields.items():
        path = f"{above}{name}"
        is_solvers = path == "solvers.settings"
        nested = LexicalSettings if is_solvers else settings_in(field.annotation)
        found += keys_below(nested, f"{path}.") if nested else [path]
    return found


def settings_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(settings_in, get_args(annotation))), None)


def changed(path, value):
    """Return the plan with another value, which goes into the first of a list."""
    values = deepcopy(BASE)
    here = values
    *above, last = path.split(".")
    for name in above:
        here = here.setdefault(name, {})
        if isinstance(here, list):
            here = here[0]
    here[last] = value
    return values


def test_every_key_of_a_plan_is_in_the_table():
    assert set(keys_below(Plan)) == set(CHANGES)


def test_all_stages_are_seen(folder, monkeypatch):
    keys = keys_of(BASE, folder, monkeypatch)
    assert set(keys) == {"audit", *INDEXES, *SEARCH}
    assert len(set(keys.values())) == len(keys)
    assert keys == keys_of(BASE, folder, monkeypatch)


@pytest.mark.parametrize(
    "path", [path for path, (value, _) in CHANGES.items() if value is not None]
)
def test_a_changed_key_reaches_the_stages_that_depend_on_it(path, folder, monkeypatch):
    value, expected = CHANGES[path]
    plain = keys_of(BASE, folder, monkeypatch)
    keys = keys_of(changed(path, value), folder, monkeypatch)
    found = {name for name in plain.keys() | keys if plain.get(name) != keys.get(name)}
    assert found == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [("exam.csv", {"audit", *SEARCH}), ("corpus.jsonl", {*INDEXES, *SEARCH})],
)
def test_the_content_of_a_file_reaches_them_and_its_place_does_not(
    file, expected, folder, monkeypatch
):
    plain = keys_of(BASE, folder, monkeypatch)
    moved = folder / "elsewhere"
    moved.mkdir()
    for name in ("exam.csv", "corpus.jsonl"):
        (folder / name).rename(moved / name)
    assert keys_of(BASE, moved, monkeypatch) == plain
    text = (moved / file).read_text()
    (moved / file).write_text(text.replace("melts", "melted"))
    keys = keys_of(BASE, moved, monkeypatch)
    assert {name for name in keys if plain[name] != keys[name]} == expected
