"""Questions in chats and articles."""

import json

from llmexam.exam.parsers import read_exam


def said(role, content):
    return {"role": role, "content": content}


def test_a_reply_to_an_earlier_question_is_no_answer(write):
    chat = [said("user", "1?\nA. x\nB. y"), said("assistant", "B"), said("user", "2?\nA. z\nB. w")]
    records = [{"messages": chat}, {"messages": [*chat, said("assistant", "A")]}]
    exam = read_exam(write(json.dumps(records)))
    assert [(q.prompt, q.answer) for q in exam] == [("2?", None), ("2?", 0)]


def test_an_article_with_as_many_paragraphs_as_questions_stays_whole(write):
    record = {"article": ["One.", "Two."], "questions": ["p", "q"], "answers": ["A", "B"]}
    record["options"] = [["x", "y"], ["z", "w"]]
    exam = read_exam(write(json.dumps([record])))
    assert [[p.text for p in q.passages] for q in exam] == [["One.", "Two."]] * 2
    assert exam.answers.tolist() == [0, 1]
