"""Two people label one question set at the same time, and the agreement between them."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from llmexam.authoring.labelling.desk import Desk
from llmexam.errors import ExamError, NotFoundError
from llmexam.web.app import Page, app_of
from llmexam.web.label import sets as sets_module
from llmexam.web.label.pages import routes
from llmexam.web.label.sets import LabelSet, LabelSets
from llmexam.workflows.browse.workspace import Workspace

ACCEPT = {"decision": "accept"}
REJECT = {"decision": "reject", "reasons": ["unclear"]}


@pytest.fixture
def desk(exam, labels):
    return Desk(exam, labels)


def decide(desk, name, *decisions):
    for place, values in enumerate(decisions):
        with desk.writing(name) as session:
            session.decide(place, values)


def test_a_decision_of_another_shows_after_ones_own(desk):
    decide(desk, "ann", REJECT)
    assert desk.others("bob", "q0") == ()
    decide(desk, "bob", ACCEPT)
    assert [one.decision for one in desk.others("bob", "q0")] == ["reject"]
    assert [one.labeller for one in desk.others("ann", "q0")] == ["bob"]


def test_another_process_that_writes_is_seen(desk, exam, labels):
    decide(desk, "ann", ACCEPT)
    decide(Desk(exam, labels), "ann", ACCEPT, ACCEPT, ACCEPT)
    assert desk.session("ann").n_done == 3
    assert desk.counts() == {"ann": 3}


def test_decisions_at_the_same_time_are_all_kept(desk, labels):
    names = [f"p{i}" for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: decide(desk, name, ACCEPT, REJECT, ACCEPT, ACCEPT), names))
    lines = [json.loads(line) for line in labels.read_text().splitlines()]
    assert len(lines) == 24
    assert desk.counts() == dict.fromkeys(names, 4)
    assert desk.agreement().alpha == 1
    assert desk.agreement().alpha_low == 1


def test_agreement_needs_two_and_alpha_has_an_interval(desk):
    decide(desk, "ann", ACCEPT, ACCEPT, REJECT, REJECT)
    assert desk.agreement() is None
    decide(desk, "bob", ACCEPT, REJECT, REJECT, REJECT)
    found = desk.agreement()
    assert found.pairs[0].raw == 0.75
    assert found.pairs[0].disagreements == ("q1",)
    assert found.alpha_low < found.alpha < found.alpha_high


def test_question_sets_of_a_folder_are_found_and_others_are_not(tmp_path, exam):
    question = '{"prompt": "Which?", "options": ["a", "b"], "answer": "A"}\n'
    (tmp_path / "week").mkdir()
    (tmp_path / "week" / "set.jsonl").write_text(question)
    (tmp_path / "set.labels.jsonl").write_text("")
    (tmp_path / "evidence.jsonl").write_text(question)
    (tmp_path / "other.jsonl").write_text('{"text": "no question"}\n')
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "week" / "set.jsonl")
    sets = LabelSets(workspace=Workspace(tmp_path))
    assert [one.name for one in sets.all()] == ["week/set.jsonl"]
    found = sets.find(sets.all()[0].key)
    assert found.labels == tmp_path / "week" / "set.labels.jsonl"
    assert len(sets.desk(found).exam) == 1
    (tmp_path / "week" / "set.jsonl").write_text(question + question.replace("Which", "Who"))
    assert len(sets.desk(found).exam) == 2
    with pytest.raises(NotFoundError):
        sets.find("../../etc")


def test_labels_of_changed_questions_are_an_error(tmp_path, desk, exam, labels):
    decide(desk, "ann", ACCEPT)
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "q0", "prompt": "Another?", "options": ["a", "b"]}\n')
    one = LabelSet("q.jsonl", path, labels)
    with pytest.raises(ExamError, match="changed since 'ann' labelled it"):
        LabelSets([one]).desk(one)


def test_labels_that_are_a_link_are_not_used(tmp_path):
    question = '{"prompt": "Which?", "options": ["a", "b"], "answer": "A"}\n'
    (tmp_path / "work").mkdir()
    path = tmp_path / "work" / "set.jsonl"
    path.write_text(question)
    sets = LabelSets(workspace=Workspace(tmp_path / "work"))
    (found,) = sets.all()
    found.labels.symlink_to(tmp_path / "outside.jsonl")
    with pytest.raises(ExamError, match="got a link"):
        sets.desk(found)
    assert LabelSets(workspace=Workspace(tmp_path / "work")).all() == ()


def test_large_sets_are_not_listed(tmp_path, monkeypatch):
    question = '{"prompt": "Which?", "options": ["a", "b"], "answer": "A"}\n'
    (tmp_path / "small.jsonl").write_text(question)
    (tmp_path / "large.jsonl").write_text(question * 3)
    monkeypatch.setattr(sets_module, "_MOST_BYTES", 2 * len(question))
    assert [one.name for one in LabelSets(workspace=Workspace(tmp_path)).all()] == ["small.jsonl"]


def test_few_sets_stay_in_memory_and_threads_share_them(tmp_path, monkeypatch):
    for i in range(4):
        (tmp_path / f"{i}.jsonl").write_text(
            '{"prompt": "Which?", "options": ["a", "b"], "answer": "A"}\n'
        )
    monkeypatch.setattr(sets_module, "_MOST_DESKS", 2)
    read = []
    load = sets_module.load_exam
    monkeypatch.setattr(sets_module, "load_exam", lambda path: read.append(path.name) or load(path))
    sets = LabelSets(workspace=Workspace(tmp_path))
    found = sets.all()
    assert [sets.opened(one) for one in found] == [None] * 4
    with ThreadPoolExecutor(4) as pool:
        desks = set(pool.map(lambda _: sets.desk(found[0]), range(8)))
    assert len(desks) == 1
    assert read == ["0.jsonl"]
    for one in found:
        sets.desk(one)
    assert [sets.opened(one) is not None for one in found] == [False, False, True, True]


def test_the_list_of_sets_reads_none(tmp_path, monkeypatch):
    (tmp_path / "set.jsonl").write_text('{"prompt": "Which?", "options": ["a", "b"]}\n')
    read = []
    load = sets_module.load_exam
    monkeypatch.setattr(sets_module, "load_exam", lambda path: read.append(path.name) or load(path))
    sets = LabelSets(workspace=Workspace(tmp_path))
    client = TestClient(app_of([Page(routes=routes(sets, "ann"))]))
    assert "set.jsonl" in client.get("/label").text
    assert read == []
    assert client.get(f"/label/{sets.all()[0].key}").status_code == 200
    assert "1 question" in client.get("/label").text
    assert read == ["set.jsonl"]
