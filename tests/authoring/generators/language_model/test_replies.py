import pytest

from llmexam.authoring.generators.language_model.replies import (
    Option,
    Reply,
    read_reply,
    without_letters,
)

WANTED = Reply(
    quote="Ice floats on water.",
    question="What floats on water?",
    answer="Ice",
    wrong=(Option("Iron", "It sinks."), Option("Sand", "It is dense.")),
)

LINES = """Quote: Ice floats on water.
Question: What floats on water?
Answer: Ice
Wrong: Iron | It sinks.
Wrong: Sand | It is dense."""

JSON = """{"quote": "Ice floats on water.", "question": "What floats on water?", "answer": "Ice",
"distractors": [{"text": "Iron", "why_wrong": "It sinks."},
{"text": "Sand", "why_wrong": "It is dense."}]}"""


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        f"Sure! Here is a question:\n\n{LINES}\n\nI hope that it helps.",
        f"```text\n{LINES}\n```",
        LINES.replace("Quote:", "**Quote:**").replace("Wrong:", "- **Wrong:**"),
        LINES.replace("Wrong: Iron", "Wrong 1: Iron").replace("Wrong: Sand", "Wrong 2: Sand"),
        LINES.replace("Wrong: Iron", "Wrong: A) Iron").replace("Wrong: Sand", "Wrong: B) Sand"),
        LINES.replace("Wrong: ", "Distractor: ").replace("Answer:", "Correct answer:"),
        LINES.replace("Quote: Ice floats on water.", 'QUOTE: "Ice floats on water."'),
        LINES.replace("Question: ", "Question:\n"),
        f"{LINES}\n\nQuote: Another one.\nQuestion: Why?\nAnswer: So\nWrong: No | No.",
        JSON,
        f"```json\n{JSON}\n```",
        f"The question is {{as JSON}}: {JSON} Done.",
        JSON.replace('"}]}', '"},],}'),
        JSON.replace("distractors", "Wrong answers").replace("why_wrong", "reason"),
    ],
)
def test_fields_are_read_whatever_stands_around_them(text):
    found = read_reply(text)
    assert (found.quote, found.question, found.answer) == (
        WANTED.quote,
        WANTED.question,
        WANTED.answer,
    )
    assert [(one.text, one.note) for one in found.wrong[:2]] == [
        ("Iron", "It sinks."),
        ("Sand", "It is dense."),
    ]


def test_lettered_options_and_a_key():
    found = read_reply("Question: What floats?\nA. Iron\nB. Ice\nC) Sand\nKey: B")
    assert found.answer == "B"
    assert [one.letter for one in found.options] == ["A", "B", "C"]
    as_json = read_reply('{"question": "What floats?", "options": {"a": "Iron", "b": "Ice"}}')
    assert as_json.options == (Option("Iron", letter="A"), Option("Ice", letter="B"))
    numbered = read_reply('{"stem": "What?", "choices": ["(A) Iron", "(B) Ice"], "key": 2}')
    assert [one.text for one in numbered.options] == ["Iron", "Ice"]
    assert numbered.answer == "2"


def test_names_that_begin_with_a_letter_keep_it():
    species = (Option("A. baumannii"), Option("E. coli"), Option("yeast"))
    assert without_letters(species) == species
    found = read_reply("Question: Which?\nAnswer: Yeast\nWrong: E. coli | A bacterium.")
    assert found.wrong[0].text == "E. coli"


@pytest.mark.parametrize("text", ["", "I cannot do that.", "{", "{}", '{"question": ', "[1, 2]"])
def test_texts_without_fields_give_an_empty_reply(text):
    assert read_reply(text) == Reply()


def test_missing_fields_stay_empty():
    assert read_reply("Question: Why?\nWrong: |\nWrong:") == Reply(question="Why?")
    assert read_reply('{"question": "Why?", "distractors": "none"}') == Reply(question="Why?")
    assert read_reply('{"question": "Why?", "answer": ["So"]}').answer == "So"


def test_half_a_character_is_left_out():
    found = read_reply('{"question": "What is \\ud83d here?", "answer": "ice"}')

    assert found.question == "What is here?"
