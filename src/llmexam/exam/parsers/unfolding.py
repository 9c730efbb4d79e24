"""Records that hold a question in a nested or written-out way, brought into flat records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from llmexam.errors import ExamError
from llmexam.exam.letters import letter_of
from llmexam.exam.parsers import alpaca
from llmexam.exam.parsers.fields import text_of
from llmexam.exam.parsers.lettered import split_options
from llmexam.exam.parsers.naming import folded
from llmexam.exam.parsers.rows import Record

Unfold: TypeAlias = Callable[[Record], Iterable[Record]]

_RELATIONS = {
    "cause": "What was the cause of this?",
    "effect": "What happened as a result?",
}
_NESTED = ("question", "doc", "row")
_USERS = ("user", "human")
_ASSISTANTS = ("assistant", "gpt", "model", "bot")


def flat(record: Record) -> Record:
    """Return a record whose nested question, as in ARC, is a part of the record itself."""
    for name in _NESTED:
        inner = record.get(name)
        if type(inner) is dict:
            return {**{key: value for key, value in record.items() if key != name}, **inner}
    return record


def message_text(value: Any) -> str | None:
    """Return the last message of the user in a list of chat messages; None if it is no such list.

    A message is `{"role", "content"}` or `{"from", "value"}`.
    """
    if not isinstance(value, list) or not value or not isinstance(value[0], Mapping):
        return None
    texts = [text for text, role in _messages(value) if role in _USERS]
    return texts[-1] if texts else None


def _messages(value: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for message in value:
        if isinstance(message, Mapping):
            text = message.get("content", message.get("value"))
            role = str(message.get("role", message.get("from", "")))
            if isinstance(text, list):
                # Parts of a message, such as text and images.
                parts = [part.get("text", "") for part in text if isinstance(part, Mapping)]
                text = "\n".join(part for part in parts if isinstance(part, str))
            if isinstance(text, str):
                yield text, role


def unfold_chat(record: Record) -> Iterator[Record]:
    """Yield the question in a chat: the user's last message, and the answer that follows it."""
    name = next(key for key in record if folded(key) in ("messages", "conversations"))
    value = record[name]
    question = message_text(value)
    if question is None:
        raise ExamError("expected messages of a user", field=name)
    answer = None
    for text, role in _messages(value):
        # A reply to an earlier question is no answer to the last one.
        answer = None if role in _USERS else text if role in _ASSISTANTS else answer
    others = {key: one for key, one in record.items() if key != name}
    yield {**others, "prompt": question, "answer": answer}


def unfold_alpaca(record: Record) -> Iterator[Record]:
    """Yield the question of an instruction record, with its options in the input."""
    instruction, text = text_of(record, "instruction"), record.get("input")
    if "input" not in record and split_options(instruction) is None:
        text_of(record, "input")
    others = {
        key: value
        for key, value in record.items()
        if key not in ("instruction", "input", "output", "answer")
    }
    if isinstance(text, str) and text.startswith("Question:"):
        prompt, options = alpaca.parse_input(text)
        place = alpaca.parse_output(text_of(record, "output"), options)
        if instruction != alpaca.INSTRUCTION:
            others["instruction"] = instruction
        answer = None if place is None else letter_of(place)
        yield {**others, "prompt": prompt, "options": list(options), "answer": answer}
        return
    in_input = split_options(text) if isinstance(text, str) else None
    split = in_input or split_options(f"{instruction}\n{text}".strip() if text else instruction)
    if split is None:
        raise ExamError(
            "expected 'Question:' at the start, or options such as 'A. ...', one per line",
            field="input",
            hint="Write at least two lines that start with 'A:', 'B:', ...",
        )
    if in_input is not None and instruction != alpaca.INSTRUCTION:
        others["instruction"] = instruction
    yield {
        **others,
        "prompt": split.prompt,
        "options": dict(zip(split.labels, split.options, strict=False)) or list(split.options),
        "answer": record.get("answer", record.get("output")),
    }


def unfold_cause(record: Record) -> Iterator[Record]:
    """Yield a premise with the question for its cause or its effect, as in COPA."""
    premise, asked = text_of(record, "premise"), text_of(record, "question")
    question = _RELATIONS.get(asked.strip().casefold(), asked)
    others = {key: value for key, value in record.items() if key not in ("premise", "question")}
    yield {**others, "prompt": f"{premise} {question}", "relation": asked}


def unfold_article(record: Record) -> Iterator[Record]:
    """Yield the questions of an article: fields that are lists have one value per question."""
    questions = record["questions"]
    shared, lists = {}, {}
    for name, value in record.items():
        if (
            isinstance(value, list)
            and len(value) == len(questions)
            and folded(name) not in _OF_ARTICLES
        ):
            lists[_SINGULAR.get(name, name)] = value
        else:
            shared[name] = value
    for i, question in enumerate(questions):
        if isinstance(question, Mapping):
            yield {**_numbered(shared, i), **question}
        else:
            yield {**_numbered(shared, i), **{name: value[i] for name, value in lists.items()}}


# An article may have as many paragraphs as questions.
_OF_ARTICLES = ("article", "passage")
_SINGULAR = {"questions": "question", "answers": "answer"}


def _numbered(shared: Record, i: int) -> Record:
    own = shared.get("id", shared.get("example_id", shared.get("article_id")))
    return shared if own is None else {**shared, "id": f"{own}/{i + 1}"}
