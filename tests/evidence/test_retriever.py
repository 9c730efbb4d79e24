from collections.abc import Sequence

import pytest

from llmexam.errors import SettingsError
from llmexam.evidence.queries import make_queries
from llmexam.evidence.retriever import IndexRetriever, attach_passages
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

GIVEN = Passage("given")


class Recorder:
    """Finds the words of the query themselves, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], int]] = []

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        self.calls.append((list(queries), k))
        return [[Passage(word, "", word, 1.0) for word in query.split()][:k] for query in queries]

    retrieve = search


@pytest.fixture
def exam() -> Exam:
    return Exam(
        (
            Question("1", "p q", ("a", "b"), answer=0),
            Question("2", "r", ("c", "d", "e"), answer=1, passages=(GIVEN,)),
        )
    )


def texts(exam: Exam) -> list[list[str]]:
    return [[passage.text for passage in question.passages] for question in exam]


def test_query_forms(exam: Exam):
    question = exam[0]
    assert make_queries(question, "prompt") == ["p q"]
    assert make_queries(question, "prompt+options") == ["p q a b"]
    assert make_queries(question, "each-option") == ["p q a", "p q b"]
    with pytest.raises(SettingsError, match="Did you mean 'prompt'"):
        make_queries(question, "promt")  # type: ignore[arg-type]


def test_given_passages_are_kept_and_not_searched(exam: Exam):
    recorder = Recorder()
    found = attach_passages(exam, recorder, query_form="prompt+options", k=3)
    assert texts(found) == [["p", "q", "a"], ["given"]]
    assert recorder.calls == [(["p q a b"], 3)]
    assert found.answers.tolist() == [0, 1]
    assert texts(exam) == [[], ["given"]]


def test_given_passages_are_dropped_or_come_first(exam: Exam):
    assert texts(attach_passages(exam, Recorder(), k=1, given="drop")) == [["p"], ["r"]]
    appended = attach_passages(exam, Recorder(), k=1, given="append")
    assert texts(appended) == [["p"], ["given", "r"]]
    again = attach_passages(appended, Recorder(), k=1, given="append")
    assert texts(again) == texts(appended)


def test_each_option_is_searched_and_fused(exam: Exam):
    recorder = Recorder()
    found = attach_passages(exam, recorder, query_form="each-option", k=3, given="drop")
    assert texts(found) == [["p", "q", "a"], ["r", "c", "d"]]
    assert recorder.calls == [(["p q a", "p q b", "r c", "r d", "r e"], 50)]


def test_several_indexes_are_fused():
    class Fixed:
        def __init__(self, *ids: str) -> None:
            self.ids = ids

        def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
            return [[Passage(i, "", i) for i in self.ids[:k]] for _ in queries]

    retriever = IndexRetriever(Fixed("a", "b", "c"), Fixed("b", "d"))
    assert [[p.id for p in found] for found in retriever.retrieve(["x", "y"], 2)] == [
        ["b", "a"]
    ] * 2
    assert IndexRetriever(Fixed("a", "b")).retrieve(["x"], 1)[0][0].id == "a"
    with pytest.raises(SettingsError, match="at least one index"):
        IndexRetriever()


def test_bad_settings_and_empty_exams(exam: Exam):
    with pytest.raises(SettingsError, match="given"):
        attach_passages(exam, Recorder(), given="maybe")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="k of"):
        attach_passages(exam, Recorder(), k=0)
    recorder = Recorder()
    assert len(attach_passages(Exam(()), recorder)) == 0
    assert recorder.calls == []
