import csv
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.exam.context import join_context, split_context
from llmexam.exam.question import Passage


def texts_of(context):
    return [passage.text for passage in split_context(context)]


def test_dashes_at_line_starts_part_passages_and_line_breaks_stay_inside():
    assert texts_of("-One.\n-Two,\nstill two.\n\n- Three - no split") == [
        "One.",
        "Two,\nstill two.",
        "Three - no split",
    ]


def test_without_a_leading_dash_blank_lines_part_passages():
    assert texts_of("One\nstill one.\r\n \r\nTwo:\n- a\n- b") == [
        "One\nstill one.",
        "Two:\n- a\n- b",
    ]


def test_a_blob_is_one_passage_and_blank_text_is_none():
    assert texts_of("  All of it. ") == ["All of it."]
    assert texts_of(" \n ") == texts_of("") == texts_of("-\n- ") == []


def test_a_dash_of_the_passage_itself_survives():
    assert texts_of(join_context([Passage("-5 degrees")])) == ["-5 degrees"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=20), max_size=4))
def test_split_undoes_join(given_texts):
    texts = [text.replace("\r\n", "\n").strip().replace("\n-", "\n -") for text in given_texts]
    joined = join_context([Passage(text) for text in given_texts])
    assert texts_of(joined) == [text for text in texts if text]


def test_official_contexts_hold_the_979_known_passages(shared_data):
    corpus = (shared_data / "corpus" / "wikipedia_passages_979.jsonl").read_text("utf-8")
    known = {json.loads(line)["text"] for line in corpus.splitlines()}
    path = shared_data / "science_exam" / "official_200_with_context.csv"
    with path.open(newline="", encoding="utf-8-sig") as stream:
        found = [texts_of(row["context"]) for row in csv.DictReader(stream)]
    assert len(found) == 200
    assert len(known) == 979
    assert {text for texts in found for text in texts} == known
