from types import SimpleNamespace

import numpy as np
import pytest

from llmexam.evidence.reranker import RerankEncoding, Reranker, rerank_pairs
from llmexam.evidence.retriever import attach_passages
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

GIVEN = Passage("given")
EXAM = Exam(
    (
        Question("1", "p", ("a", "bb"), answer=0),
        Question("2", "r", ("ccc", "d", "e"), answer=1, passages=(GIVEN,)),
    )
)


class Shared:
    """Scores a pair by the letters that its texts share."""

    weights_hash = "0" * 64

    def __init__(self) -> None:
        self.calls: list[list] = []

    def score(self, pairs):
        self.calls.append(list(pairs))
        scores = [len(set(pair.first) & set(pair.second) - {" "}) for pair in pairs]
        return SimpleNamespace(scores=np.array(scores, dtype=np.float64))


class Fixed:
    """Finds the same passages for every query."""

    def __init__(self, *texts) -> None:
        self.texts, self.asked = texts, []

    def retrieve(self, queries, k):
        self.asked.append(k)
        return [[Passage(text, "", text, 9.0) for text in self.texts][:k] for _ in queries]


def test_pairs_hold_query_and_passage_in_the_order_asked_for():
    passage = Passage("text", "title")
    one = rerank_pairs(EXAM[0], [passage], RerankEncoding())
    assert [(p.first, p.second) for p in one[0]] == [("p a bb", "title\ntext")]
    each = RerankEncoding(query_form="each-option", layout="passage|query")
    two = rerank_pairs(EXAM[0], [passage], each)
    assert [(p.first, p.second) for p in two[0]] == [
        ("title\ntext", "p a"),
        ("title\ntext", "p bb"),
    ]
    assert (RerankEncoding().cut, each.cut) == ("second", "first")


def test_the_best_of_more_passages_are_kept_with_their_scores():
    reader, retriever = Shared(), Fixed("x", "a b", "p", "y", "a b p")
    reranker = Reranker(reader, RerankEncoding(), depth=4)
    found = attach_passages(
        EXAM, retriever, query_form="prompt", k=2, reranker=reranker, given="drop"
    )
    assert retriever.asked == [4]
    assert [p.text for p in found[0].passages] == ["a b", "p"]
    assert [p.score for p in found[0].passages] == [2.0, 1.0]
    # No word of it is anywhere: the order is that of retrieval.
    assert [p.text for p in found[1].passages] == ["x", "a b"]
    assert len(reader.calls) == 1


def test_the_query_that_likes_a_passage_most_counts():
    reranker = Reranker(Shared(), RerankEncoding(query_form="each-option"), depth=9)
    (best,) = reranker.rerank(EXAM.questions[1:], [[Passage("dr"), Passage("cr"), Passage("d")]], 2)
    assert [p.text for p in best] == ["dr", "cr"]


def test_given_passages_stay_in_front_and_unread():
    reader = Shared()
    reranker = Reranker(reader, RerankEncoding(), depth=3)
    kept = attach_passages(EXAM, Fixed("x", "r"), k=1, reranker=reranker)
    assert [p.text for p in kept[1].passages] == ["given"]
    both = attach_passages(EXAM, Fixed("x", "r"), k=1, reranker=reranker, given="append")
    assert [p.text for p in both[1].passages] == ["given", "r"]
    assert not any("given" in (pair.first, pair.second) for call in reader.calls for pair in call)


@pytest.mark.parametrize("found", [[], [[], []]], ids=["no-questions", "no-passages"])
def test_nothing_found_is_nothing_to_order(found):
    reader = Shared()
    questions = EXAM.questions[: len(found)]
    assert Reranker(reader, RerankEncoding(), depth=3).rerank(questions, found, 2) == found
    assert reader.calls == []
