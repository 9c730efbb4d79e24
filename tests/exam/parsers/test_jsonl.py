import json

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage


def line(**fields):
    return json.dumps({"prompt": "p", "options": ["x", "y"], **fields})


def test_reads_every_way_to_write_an_answer(write):
    lines = [line(answer="b"), line(answer=1), line(answer=None), line()]
    exam = read_exam(write("\n".join(lines), "exam.txt"))
    assert exam.format == "jsonl"
    assert exam.answers.tolist() == [1, 1, -1, -1]
    assert exam.ids == ("0", "1", "2", "3")


def test_reads_passages_metadata_and_odd_line_separators(write):
    record = line(
        id=7,
        passages=["plain", {"text": "t", "title": "T", "id": 3, "score": 1}],
        metadata={"grade": 8},
        source="a\u2028b",
    )
    question = read_exam(write(record.replace("\\u2028", "\u2028") + "\r\n\n"))[0]
    assert question.id == "7"
    assert question.passages == (Passage("plain"), Passage("t", "T", "3", 1.0))
    assert dict(question.metadata) == {"grade": "8", "source": "a\u2028b"}


def test_a_context_text_is_split(write):
    question = read_exam(write(line(context="-a\n-b")))[0]
    assert [passage.text for passage in question.passages] == ["a", "b"]


@pytest.mark.parametrize(
    ("bad", "field", "words"),
    [
        (line(answer="C"), "answer", "of A-B, got 'C'"),
        (line(answer=2), "answer", "index from 0 to 1, got 2"),
        (line(answer=True), "answer", "expected a letter, an index or text, got true"),
        (line(options="xy"), "options", "expected a list, got text"),
        (line(options=["x", [1]]), r"options[1]", "expected text, got a list"),
        (line(options=["x"]), "options", "options, got 1"),
        (line(passages=7), "passages", "expected a list"),
        (line(passages=[{"title": "t"}]), "passages[0]", "expected text or"),
        (
            line(passages=[{"text": "t", "score": "high"}]),
            "passages[0]",
            "expected a finite number",
        ),
        (line(metadata=[1]), "metadata", "expected an object"),
        (line(prompt=None), "prompt", "expected text, got null"),
        ('{"options": ["x", "y"]}', "prompt", "missing"),
        (line(id=1.5), "id", "expected text, got a number"),
        (line(prompt="\ud800"), "prompt", "lone surrogate"),
        (line(passages=["a"], context="b"), "context", "are both set"),
        (
            '{"prompt": "p", "options": ["x", "y"], "prompt": "q"}',
            None,
            "key 'prompt' appears twice",
        ),
        ("[1]", None, "line 3: expected a JSON object"),
        ('{"prompt": "p", ', None, "line 3: invalid JSON"),
        ("[" * 100_000, None, "line 3: invalid JSON"),
    ],
)
def test_faults_name_line_row_and_field(write, bad, field, words):
    path = write(f"{line()}\n\n{bad}\n")
    with pytest.raises(ExamError, match=words) as caught:
        read_exam(path)
    assert (caught.value.file, caught.value.row) == (str(path), 2)
    assert caught.value.field == field


def test_a_blank_context_beside_passages_is_no_fault(write):
    exam = read_exam(write(line(passages=["a"], context=" ")))
    assert [passage.text for passage in exam[0].passages] == ["a"]


@pytest.mark.parametrize(
    ("given", "answer", "right"),
    [(["C", "A"], 0, (0, 2)), ([2, 1], 1, (1, 2)), (["b"], 1, ()), (["B", 0], 0, (0, 1))],
)
def test_a_list_names_all_right_options(write, given, answer, right):
    question = read_exam(write(line(options=["x", "y", "z"], answer=given)))[0]
    assert (question.answer, question.right) == (answer, right)


def test_a_list_with_another_option_is_an_error(write):
    with pytest.raises(ExamError, match="of A-B, got 'C'"):
        read_exam(write(line(answer=["A", "C"])))
