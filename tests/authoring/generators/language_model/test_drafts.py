import pytest

from llmexam.authoring.generators.language_model.drafts import Draft, draft_of
from llmexam.authoring.generators.language_model.quotes import find_quote
from llmexam.authoring.generators.language_model.replies import Option, Reply, read_reply

PASSAGE = (
    "Ice floats on water, because it is less dense. Iron  sinks in it. It is 8 times as dense."
)
WRONG = (Option("Iron", "It sinks."), Option("Sand"), Option("Gold"))


def draft(n_options=3, **changes):
    fields = {
        "quote": "Ice floats on water",
        "question": "What floats on water?",
        "answer": "Ice",
        "wrong": WRONG,
    }
    return draft_of(Reply(**{**fields, **changes}), PASSAGE, n_options)


def test_a_draft_has_as_many_options_as_wanted():
    assert draft() == Draft(
        "What floats on water?",
        "Ice",
        (("Iron", "It sinks."), ("Sand", "")),
        "Ice floats on water",
        is_exact=True,
    )
    assert len(draft(4).distractors) == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"question": ""}, "no question"),
        ({"question": "Why?" * 200}, "no question"),
        ({"question": "What does the passage say about ice?"}, "names the passage"),
        ({"question": "Why does ice float on water?"}, "gives the answer away"),
        ({"question": "What is the capital of France?"}, "unrelated question"),
        ({"answer": ""}, "no answer"),
        ({"answer": "B"}, "key is not an option"),
        ({"quote": ""}, "no quote"),
        ({"quote": "Water flows down the hill"}, "quote not in passage"),
        ({"wrong": WRONG[:1]}, "too few options"),
        ({"wrong": (WRONG[0], WRONG[0])}, "repeated option"),
        ({"wrong": (Option("ice."), WRONG[0])}, "repeated option"),
        ({"wrong": (), "options": WRONG, "answer": "D"}, "key is not an option"),
    ],
)
def test_a_reply_without_a_draft_has_a_reason(changes, reason):
    assert draft(**changes) == reason


def test_a_question_of_the_examples_is_no_draft():
    found = draft_of(
        read_reply("Question: What are  stomata?"), PASSAGE, 3, examples=("What are stomata?",)
    )
    assert found == "copies the example"


@pytest.mark.parametrize("key", ["B", "b", "(B)", "B.", "B) Ice", "Option B", "2", "Ice", "ice"])
def test_a_key_is_a_letter_a_number_or_a_text(key):
    reply = read_reply(f"Question: What floats?\nA) Iron\nB) Ice\nC) Sand\nAnswer: {key}")
    found = draft_of(
        Reply(
            quote="Ice floats on water",
            question="What floats on water?",
            answer=reply.answer,
            options=reply.options,
        ),
        PASSAGE,
        3,
    )
    assert (found.answer, [text for text, _ in found.distractors]) == ("Ice", ["Iron", "Sand"])


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("Iron  sinks in it.", ("Iron  sinks in it.", True)),
        ("iron sinks in it", ("Iron  sinks in it", False)),
        ("Ice floats on water because it is less dense...", (PASSAGE[:45], False)),
        ("Ice floats on the water, because it is less dense.", (PASSAGE[:46], False)),
        ("It is 9 times heavier.", None),
        ("Iron", None),
        ("", None),
    ],
)
def test_a_quote_is_found_word_for_word(quote, found):
    assert find_quote(quote, PASSAGE) == found
    assert found is None or found[0] in PASSAGE
