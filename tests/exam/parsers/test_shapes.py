"""Record shapes of public data sets: two questions of each, with the first and second answer."""

import json
import time

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam

P, Q = "Which gas do plants take in?", "What do bees make?"
X = ["carbon dioxide", "helium", "neon"]
Y = ["silk", "honey", "wool"]


def labelled(texts, labels="ABC"):
    return [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]


def columns(texts, names):
    return dict(zip(names, texts, strict=True))


def lines(texts, start="{}. "):
    return "\n".join(start.format(letter) + text for letter, text in zip("ABC", texts, strict=True))


SHAPES = {
    "own": [{"prompt": P, "options": X, "answer": "A"}, {"prompt": Q, "options": Y, "answer": "B"}],
    "letters as keys": [
        {"question": P, **columns(X, "ABC"), "answer": "A"},
        {"question": Q, **columns(Y, "ABC"), "answer": "B"},
    ],
    "hub MMLU": [
        {"question": P, "subject": "s", "choices": X, "answer": 0},
        {"question": Q, "subject": "s", "choices": Y, "answer": 1},
    ],
    "MMLU-Pro": [
        {"question_id": 7, "question": P, "options": X, "answer": "A", "answer_index": 0},
        {"question_id": 8, "question": Q, "options": Y, "answer": "B", "answer_index": 1},
    ],
    "ARC": [
        {"id": "a", "question": {"stem": P, "choices": labelled(X)}, "answerKey": "A"},
        {"id": "b", "question": {"stem": Q, "choices": labelled(Y, "123")}, "answerKey": "2"},
    ],
    "hub ARC": [
        {"question": P, "choices": {"text": X, "label": ["A", "B", "C"]}, "answerKey": "A"},
        {"question": Q, "choices": {"text": Y, "label": ["1", "2", "3"]}, "answerKey": 2},
    ],
    "hub OpenBookQA": [
        {"question_stem": P, "choices": {"text": X, "label": list("ABC")}, "answerKey": "A"},
        {"question_stem": Q, "choices": {"text": Y, "label": list("ABC")}, "answerKey": "B"},
    ],
    "MedMCQA of the hub": [
        {"question": P, **columns(X, ("opa", "opb", "opc")), "cop": 0},
        {"question": Q, **columns(Y, ("opa", "opb", "opc")), "cop": 1},
        {"question": "r", **columns(Y, ("opa", "opb", "opc")), "cop": -1},
    ],
    "MedMCQA's own files": [
        {"question": P, **columns(X, ("opa", "opb", "opc")), "cop": 1},
        {"question": Q, **columns(Y, ("opa", "opb", "opc")), "cop": 2},
        {"question": "r", **columns(Y, ("opa", "opb", "opc")), "cop": 3},
    ],
    "MedQA": [
        {"question": P, "answer": X[0], "options": columns(X, "ABC"), "answer_idx": "A"},
        {"question": Q, "answer": Y[1], "options": columns(Y, "ABC"), "answer_idx": "B"},
    ],
    "FrenchMedMCQA": [
        {"question": P, **columns(X, ("answer_a", "answer_b", "answer_c")), "correct_answers": [0]},
        {"question": Q, **columns(Y, ("answer_a", "answer_b", "answer_c")), "correct_answers": [1]},
    ],
    "FrenchMedMCQA's own files": [
        {"question": P, "answers": columns(X, "abc"), "correct_answers": ["a"]},
        {"question": Q, "answers": columns(Y, "abc"), "correct_answers": ["b"]},
    ],
    "SuperGPQA": [
        {"uuid": "u", "question": P, "options": X, "answer": X[0], "answer_letter": "A"},
        {"uuid": "v", "question": Q, "options": Y, "answer": Y[1], "answer_letter": "B"},
    ],
    "HellaSwag": [
        {"ind": 1, "ctx_a": "c", "ctx": P, "endings": X, "label": "0"},
        {"ind": 2, "ctx_a": "c", "ctx": Q, "endings": Y, "label": "1"},
    ],
    "TruthfulQA of the hub": [
        {"question": P, "mc1_targets": {"choices": X, "labels": [1, 0, 0]}, "mc2_targets": {}},
        {"question": Q, "mc1_targets": {"choices": Y, "labels": [0, 1, 0]}, "mc2_targets": {}},
    ],
    "BIG-bench": [
        {"input": P, "target_scores": columns([1, 0, 0], X)},
        {"input": Q, "target_scores": columns([0, 1, 0], Y)},
    ],
    "BIG-Bench Hard": [
        {"input": f"{P}\nOptions:\n" + lines(X, "({}) "), "target": "(A)"},
        {"input": f"{Q}\nOptions:\n" + lines(Y, "({}) "), "target": "(B)"},
    ],
    "inspect_ai": [
        {"id": 1, "input": P, "choices": X, "target": "A"},
        {"id": 2, "input": [{"role": "user", "content": Q}], "choices": Y, "target": ["B"]},
    ],
    "openai/evals": [
        {
            "input": [
                {"role": "system", "content": "Answer with a letter."},
                {"role": "user", "content": f"{text}\n{lines(options, '{}) ')}\nAnswer:"},
            ],
            "ideal": ideal,
        }
        for text, options, ideal in ((P, X, "A"), (Q, Y, ["B"]))
    ],
    "LLaMA-Factory": [
        {"instruction": f"{P}\n{lines(X)}\nAnswer:", "input": "", "output": "A"},
        {"instruction": f"{Q}\n{lines(Y)}\nAnswer:", "input": "", "output": "B. honey"},
    ],
    "chats": [
        {
            "messages": [
                {"role": "user", "content": f"{P}\n{lines(X)}"},
                {"role": "assistant", "content": "A"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": f"{Q}\n{lines(Y)}"},
                {"role": "assistant", "content": "(B)"},
            ]
        },
    ],
    "ShareGPT": [
        {
            "conversations": [
                {"from": "human", "value": f"{P}\n{lines(X)}"},
                {"from": "gpt", "value": "A"},
            ]
        },
        {
            "conversations": [
                {"from": "human", "value": f"{Q}\n{lines(Y)}"},
                {"from": "gpt", "value": "B"},
            ]
        },
    ],
    "LLM-Adapters": [
        {
            "instruction": f"{text}\n\nAnswer1: {a} "
            f"Answer2: {b} Answer3: {c}\n\nAnswer format: answer1/answer2/answer3",
            "input": "",
            "output": f"the correct answer is {key}",
            "answer": key,
        }
        for text, (a, b, c), key in ((P, X, "answer1"), (Q, Y, "answer2"))
    ],
    "HeadQA": [
        {
            "qid": 1,
            "qtext": P,
            "ra": 1,
            "answers": [{"aid": i + 1, "atext": t} for i, t in enumerate(X)],
        },
        {
            "qid": 2,
            "qtext": Q,
            "ra": 2,
            "answers": [{"aid": i + 1, "atext": t} for i, t in enumerate(Y)],
        },
    ],
    "LogiQA of the hub": [
        {"context": "c", "query": P, "options": X, "correct_option": 0},
        {"context": "c", "query": Q, "options": Y, "correct_option": 1},
    ],
    "SocialIQA": [
        {
            "context": "c",
            "question": P,
            **columns(X, ("answerA", "answerB", "answerC")),
            "label": "1",
        },
        {
            "context": "c",
            "question": Q,
            **columns(Y, ("answerA", "answerB", "answerC")),
            "label": "2",
        },
    ],
    "KMMLU": [
        {"question": P, **columns(X, "ABC"), "answer": 1},
        {"question": Q, **columns(Y, "ABC"), "answer": 2},
        {"question": "r", **columns(Y, "ABC"), "answer": 3},
    ],
    "JCommonsenseQA": [
        {"q_id": 1, "question": P, **columns(X, ("choice0", "choice1", "choice2")), "label": 0},
        {"q_id": 2, "question": Q, **columns(Y, ("choice0", "choice1", "choice2")), "label": 1},
    ],
    "Global-MMLU": [
        {
            "sample_id": "s/1",
            "question": P,
            **columns(X, ("option_a", "option_b", "option_c")),
            "answer": "A",
        },
        {
            "sample_id": "s/2",
            "question": Q,
            **columns(Y, ("option_a", "option_b", "option_c")),
            "answer": "B",
        },
    ],
    "options in a text": [
        {"query": P, "options": str(X), "answer": "(A)"},
        {"query": Q, "options": str(Y), "answer": "(B)"},
    ],
    "MathQA": [
        {"Problem": P, "options": "a ) carbon dioxide , b ) helium , c ) neon", "correct": "a"},
        {"Problem": Q, "options": "a ) silk , b ) honey , c ) wool", "correct": "b"},
    ],
    "quizzes with isCorrect": [
        {"question": P, "answers": [{"text": t, "isCorrect": t == X[0]} for t in X]},
        {"question": Q, "answers": [{"text": t, "isCorrect": t == Y[1]} for t in Y]},
    ],
    "EXAMS": [
        {
            "id": "a",
            "question": {"stem": P, "choices": [{**c, "para": ""} for c in labelled(X)]},
            "answerKey": "A",
            "info": {"grade": 10},
        },
        {
            "id": "b",
            "question": {"stem": Q, "choices": [{**c, "para": ""} for c in labelled(Y)]},
            "answerKey": "B",
            "info": {"grade": 10},
        },
    ],
    "M3Exam": [
        {
            "question_text": P,
            "background_description": [],
            "options": lines(X).split("\n"),
            "answer_text": "A",
        },
        {
            "question_text": Q,
            "background_description": [],
            "options": lines(Y).split("\n"),
            "answer_text": "B",
        },
    ],
    "names of option columns as answers": [
        {
            "question": P,
            **columns(X, ("option1", "option2", "option3")),
            "correct_option": "option1",
        },
        {
            "question": Q,
            **columns(Y, ("option1", "option2", "option3")),
            "correct_option": "Option 2",
        },
        {
            "question": "r",
            **columns(Y, ("option1", "option2", "option3")),
            "correct_option": "option3",
        },
    ],
    "Chinese headers": [
        {"题目": P, **columns(X, ("选项A", "选项B", "选项C")), "正确答案": "A"},
        {"题目": Q, **columns(Y, ("选项A", "选项B", "选项C")), "正确答案": "\uff22"},
    ],
    "COPA": [
        {"premise": "x", "question": "cause", "choice1": "a", "choice2": "b", "label": 0},
        {"premise": "y", "question": "effect", "choice1": "a", "choice2": "b", "label": 1},
    ],
    "Belebele": [
        {
            "flores_passage": "t",
            "question": text,
            **columns(options, ("mc_answer1", "mc_answer2", "mc_answer3")),
            "correct_answer_num": number,
        }
        for text, options, number in ((P, X, "1"), (Q, Y, "2"), ("r", Y, "3"))
    ],
    "quizzes of Kahoot": [
        {
            "Question - max 120 characters": text,
            **columns(options, [f"Answer {i} - max 75 characters" for i in (1, 2, 3)]),
            "Correct answer(s) - choose at least one": number,
        }
        for text, options, number in ((P, X, 1), (Q, Y, 2), ("r", Y, "1,3"))
    ],
    "options as objects of one key": [
        {"question": P, "options": [{k: t} for k, t in zip("ABC", X, strict=True)], "answer": "A"},
        {"question": Q, "options": [{k: t} for k, t in zip("ABC", Y, strict=True)], "answer": "B"},
    ],
    "rows of the hub's viewer": [
        {"row_idx": 0, "row": {"question": P, "choices": X, "answer": 0}, "truncated_cells": []},
        {"row_idx": 1, "row": {"question": Q, "choices": Y, "answer": 1}, "truncated_cells": []},
    ],
    "lm-eval documents": [
        {"doc_id": 0, "doc": {"question": P, "choices": X, "answer": 0}},
        {"doc_id": 1, "doc": {"question": Q, "choices": Y, "answer": 1}},
    ],
}


@pytest.mark.parametrize("container", ["jsonl", "list", "wrapped"])
@pytest.mark.parametrize("name", SHAPES)
def test_known_shapes_in_json(write, name, container):
    records = SHAPES[name]
    text = {
        "jsonl": "\n".join(map(json.dumps, records)),
        "list": json.dumps(records, indent=1),
        "wrapped": json.dumps({"version": 1, "data": records}),
    }[container]
    exam = read_exam(write(text, "exam.json"))
    if name == "COPA":
        assert [(q.prompt, q.answer) for q in exam] == [
            ("x What was the cause of this?", 0),
            ("y What happened as a result?", 1),
        ]
        return
    assert [(q.prompt, q.options, q.answer) for q in list(exam)[:2]] == [
        (P, tuple(X), 0),
        (Q, tuple(Y), 1),
    ]


@pytest.mark.parametrize("name", ["own", "hub MMLU", "hub ARC", "MedQA", "KMMLU", "BIG-Bench Hard"])
def test_known_shapes_in_parquet(tmp_path, name):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "exam.parquet"
    records = [
        {k: str(v) if k == "answerKey" else v for k, v in one.items()} for one in SHAPES[name]
    ]
    pq.write_table(pa.Table.from_pylist(records), path)
    exam = read_exam(path)
    assert [(q.prompt, q.options, q.answer) for q in list(exam)[:2]] == [
        (P, tuple(X), 0),
        (Q, tuple(Y), 1),
    ]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "value",
    [
        {"question": [P, Q], "choices": [X, Y], "answer": [0, 1]},
        {
            "question": {"0": P, "1": Q},
            "choices": {"0": X, "1": Y},
            "answer": {"0": 0, "1": 1},
        },
        {"columns": ["question", "choices", "answer"], "data": [[P, X, 0], [Q, Y, 1]]},
        {
            "features": [{"feature_idx": 0, "name": "question"}],
            "rows": [{"row_idx": i, "row": row} for i, row in enumerate(SHAPES["hub MMLU"])],
        },
    ],
)
def test_tables_in_json(write, value, indent):
    exam = read_exam(write(json.dumps(value, indent=indent)))
    assert [(q.prompt, q.options, q.answer) for q in exam] == [(P, tuple(X), 0), (Q, tuple(Y), 1)]


def test_wrong_answers_in_one_cell(write):
    text = (
        "Category;Question;Best Answer;Correct Answers;Incorrect Answers\n"
        'c;p;yes;"yes; maybe";"no; never; not"\nc;q;5;"5; five";"6; 7"\n'
    )
    exam = read_exam(write(text))
    assert [set(q.options) for q in exam] == [{"yes", "no", "never", "not"}, {"5", "6", "7"}]
    assert [q.options[q.answer] for q in exam] == ["yes", "5"]


def test_dialogues_with_questions(write):
    value = [
        [["W: hello", "M: bye"], [{"question": P, "choice": X, "answer": X[2]}], "5-1"],
        [["W: one"], [{"question": Q, "choice": Y, "answer": Y[1]}] * 2, "5-2"],
    ]
    exam = read_exam(write(json.dumps(value)))
    assert exam.ids == ("5-1/1", "5-2/1", "5-2/2")
    assert exam.answers.tolist() == [2, 1, 1]
    assert exam[0].passages[0].text == "W: hello\nM: bye"


def test_yes_or_no_questions_on_a_passage(write):
    record = {"question": P, "passage": "t", "answer": True}
    exam = read_exam(write(json.dumps([record, {**record, "answer": False}])))
    assert (exam[0].options, exam.answers.tolist()) == (("true", "false"), [0, 1])
    with pytest.raises(ExamError, match="missing"):
        read_exam(write(json.dumps([{**record, "answer": "A long text."}])))


def test_options_in_the_question_text(write):
    text = (
        'questionID,AnswerKey,question\nM1,C,"Which? (A) dogs (B) cats (C) mice"\n'
        'M2,1,"Who? (1) he (2) she"\n'
    )
    exam = read_exam(write(text))
    assert [(q.id, q.prompt, q.options, q.answer) for q in exam] == [
        ("M1", "Which?", ("dogs", "cats", "mice"), 2),
        ("M2", "Who?", ("he", "she"), 0),
    ]


def test_facts_articles_and_supports_are_passages(write):
    record = {
        "question": {"stem": P, "choices": labelled(X)},
        "answerKey": "A",
        "fact1": "f",
        "fact2": "g",
        "combinedfact": "h",
    }
    question = read_exam(write(json.dumps(record)))[0]
    assert [passage.text for passage in question.passages] == ["f", "g"]
    assert dict(question.metadata) == {"combinedfact": "h"}


def test_the_questions_of_an_article_have_its_id_and_text(write):
    record = {"article": "One.\n\nTwo.", "id": "high1.txt", "questions": [P, Q]}
    record |= {"options": [X, Y], "answers": ["A", "B"]}
    exam = read_exam(write(json.dumps(record, indent=1)))
    assert exam.ids == ("high1.txt/1", "high1.txt/2")
    assert [q.answer for q in exam] == [0, 1]
    assert [[p.text for p in q.passages] for q in exam] == [["One.\n\nTwo."]] * 2


def test_distractors_get_the_right_answer_between_them(write):
    records = [
        {"question": str(i), "correct_answer": "right", "distractors": ["a", "b", "c"]}
        for i in range(40)
    ]
    exam = read_exam(write(json.dumps(records)))
    assert {q.options[q.answer] for q in exam} == {"right"}
    # Nobody scores by always choosing one position.
    assert {q.answer for q in exam} == {0, 1, 2, 3}
    assert "right answer and the wrong ones" in exam.notes[0]


def test_several_right_options(write):
    targets = {"yes": 1, "perhaps": 1, "no": 0}
    record = {"question": P, "mc1_targets": {"yes": 1, "no": 0}, "mc2_targets": targets}
    path = write(json.dumps([record]))
    assert read_exam(path)[0].right == ()
    exam = read_exam(path, fields={"options": "mc2_targets"})
    assert (exam[0].answer, exam[0].right) == (0, (0, 1))


def test_rows_of_options_are_joined(write):
    text = "id,prompt,option,label\nq,P,x,0\nq,P,y,1\nr,Q,x,1\nr,Q,y,1\nr,Q,z,0\n"
    exam = read_exam(write(text))
    assert [(q.id, q.options, q.right_options) for q in exam] == [
        ("q", ("x", "y"), (1,)),
        ("r", ("x", "y", "z"), (0, 1)),
    ]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"question": P, "distractor1": "b", "support": "s"}, "nearest is sciq.*'correct_answer'"),
        ({"prompt": P, "antwort": "A"}, "'options' is missing; found: prompt, antwort.*--field"),
        ({"text": P}, "'options' is missing"),
    ],
)
def test_the_nearest_shape_and_what_it_lacks(write, record, words):
    with pytest.raises(ExamError, match=words):
        read_exam(write(json.dumps(record)))


def test_fields_map_any_names(write):
    record = {"id": 1, "Frage": P, "r": X[0], "f1": X[1], "f2": X[2], "text": "-a\n-b", "n": "A"}
    path = write(json.dumps(record))
    exam = read_exam(
        path,
        fields={"prompt": "Frage", "options": "r,f1,f2", "answer": "n", "context": "text"},
    )
    assert (exam.format, exam[0].options, exam[0].answer) == ("fields", tuple(X), 0)
    assert [passage.text for passage in exam[0].passages] == ["a", "b"]
    exam = read_exam(path, fields={"prompt": "Frage", "answer": "r", "distractors": "f1,f2"})
    assert exam[0].options[exam[0].answer] == X[0]
    with pytest.raises(ExamError, match=r"there is no field 'Frge'.*Did you mean 'Frage'"):
        read_exam(path, fields={"prompt": "Frge", "options": "f1,f2"})
    with pytest.raises(ExamError, match="unknown field 'promt'"):
        read_exam(path, fields={"promt": "Frage"})


def test_fields_reach_inside_objects_and_choose_lists(write):
    record = {"item": {"ask": P, "alts": X}, "key": 1}
    path = write(json.dumps({"train": [record, record, {**record, "key": 3}], "test": [record]}))
    fields = {"prompt": "item.ask", "options": "item.alts", "answer": "key", "records": "train"}
    exam = read_exam(path, fields=fields)
    assert [(q.options, q.answer) for q in exam] == [(tuple(X), i) for i in (0, 0, 2)]
    with pytest.raises(ExamError, match="several lists of records: train, test"):
        read_exam(path, fields={"prompt": "item.ask"})


@pytest.mark.parametrize(
    "prompt",
    [
        "A) " * 50_000,
        f"p\nA) x\nB) y{' ' * 100_000}z",
        "answer format: " + "a/" * 20_000 + " z",
        "p\nOptions" + " " * 100_000 + "A) x B) y",
        "[" * 40_000,
    ],
)
def test_odd_texts_take_no_long_time(write, prompt):
    record = {"question": prompt, "options": prompt, "answer": prompt}
    start = time.process_time()
    try:
        read_exam(write(json.dumps(record)))
        read_exam(write(json.dumps({"input": prompt, "ideal": f"A{prompt}B"})))
    except ExamError:
        pass
    assert time.process_time() - start < 5
