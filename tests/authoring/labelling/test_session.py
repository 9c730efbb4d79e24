import json
import subprocess
import sys
from dataclasses import replace

import pytest

from llmexam.authoring.labelling.export import accepted_exam
from llmexam.authoring.labelling.labels import Label, append_label, read_all, read_labels
from llmexam.authoring.labelling.session import Session
from llmexam.errors import ExamError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.writers import write_exam

MENDED = {"prompt": "Which gas?", "options": ["oxygen", "carbon dioxide"], "answer": 1}


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_decision_is_in_the_file_at_once(session, labels):
    session.decide(0, {"decision": "accept"})
    assert [one["id"] for one in lines(labels)] == ["q0"]
    session.decide(2, {"decision": "reject", "reasons": ["unclear"], "note": "odd"})
    assert lines(labels)[1]["reasons"] == ["unclear"]
    assert (session.n_done, session.next_place(), session.next_place(2)) == (2, 1, 3)


def test_a_session_resumes_and_the_last_decision_counts(session, exam, labels):
    session.decide(0, {"decision": "accept"})
    session.decide(0, {"decision": "reject", "reasons": ["wrong-key"]})
    again = Session.resume(exam, labels, "ann", blind=False)
    assert again.decisions["q0"].decision == "reject"
    assert again.next_place() == 1
    assert Session.resume(exam, labels, "bob", blind=False).n_done == 0


def test_a_line_cut_short_is_skipped_and_swallows_nothing(session, exam, labels):
    session.decide(0, {"decision": "accept"})
    session.decide(1, {"decision": "accept"})
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-20])
    again = Session.resume(exam, labels, "ann", blind=False)
    assert list(again.decisions) == ["q0"]
    again.decide(2, {"decision": "accept"})
    assert [one.id for one in read_labels(labels)] == ["q0", "q2"]


def test_two_processes_append_whole_lines(labels):
    program = (
        "import sys\n"
        "from llmexam.authoring.labelling.labels import Label, append_label\n"
        "for i in range(40):\n"
        "    append_label(sys.argv[1], Label(id=str(i), question='h', labeller=sys.argv[2],"
        " kind='decision', decision='accept', note='x' * 5000))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(labels), name]) for name in "ab"
    ]
    assert [one.wait() for one in running] == [0, 0]
    found = read_labels(labels)
    assert sorted((one.labeller, int(one.id)) for one in found) == [
        (name, i) for name in "ab" for i in range(40)
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"decision": "reject"}, "at least one reason"),
        ({"decision": "reject", "reasons": ["ugly"]}, "expected reasons among"),
        ({"decision": "mend"}, "a corrected question"),
        ({"decision": "accept", "mended": MENDED}, "'mend' only"),
        ({"decision": "maybe"}, "'accept', 'mend' or 'reject'"),
        ({"decision": "mend", "mended": {**MENDED, "answer": 2}}, "an answer below 2"),
        ({"decision": "mend", "mended": {**MENDED, "options": ["a", " a "]}}, "differ"),
        ({"decision": "mend", "mended": {**MENDED, "options": ["a", " "]}}, "not blank"),
        ({"decision": "accept", "note": "x" * 20_001}, "at most 20000 characters"),
    ],
)
def test_decisions_that_make_no_sense_are_not_written(session, labels, values, message):
    with pytest.raises(ExamError, match=message):
        session.decide(0, values)
    assert not labels.exists()


def test_a_blind_session_hides_the_key_until_the_first_answer(exam, labels):
    session = Session.resume(exam, labels, "ann", blind=True)
    assert session.hides_key(0)
    with pytest.raises(ExamError, match="answer the question before"):
        session.decide(0, {"decision": "accept"})
    session.answer(0, 2)
    session.answer(0, 0)
    assert session.answers == {"q0": 2}
    session.decide(0, {"decision": "accept"})
    again = Session.resume(exam, labels, "ann", blind=True)
    assert not again.hides_key(0)
    assert again.hides_key(1)
    with pytest.raises(ExamError, match="an option below 4"):
        again.answer(1, 4)


def test_questions_that_changed_and_bad_names_are_errors(session, exam, labels):
    session.decide(1, {"decision": "accept"})
    changed = Exam((exam[0], replace(exam[1], prompt="Another?")))
    with pytest.raises(ExamError, match="'q1' changed since 'ann' labelled it"):
        Session.resume(changed, labels, "bob", blind=False)
    with pytest.raises(ExamError, match="'q1' changed since 'ann'"):
        accepted_exam(changed, read_labels(labels))
    for name in ("", " ", "a\nb", "x" * 101):
        with pytest.raises(SettingsError, match="a name of 1 to 100"):
            Session.resume(exam, labels, name, blind=False)


def test_a_file_of_something_else_is_an_error_with_its_row(labels, exam):
    labels.write_text('{"id": "q0"}\n')
    with pytest.raises(ExamError, match=r"labels.jsonl row 1 field 'question'"):
        Session.resume(exam, labels, "ann", blind=False)
    with pytest.raises(ExamError, match="file not found"):
        read_all([labels.with_name("none.jsonl")])


def test_accepted_and_corrected_questions_are_exported(exam, labels, tmp_path):
    ann, bob, cho = (
        Session.resume(exam, labels, name, blind=False) for name in ("ann", "bob", "cho")
    )
    reject = {"decision": "reject", "reasons": ["trivial"]}
    for session in (ann, bob):
        session.decide(0, {"decision": "accept"})
    ann.decide(1, {"decision": "mend", "mended": MENDED})
    bob.decide(1, reject)
    cho.decide(1, {"decision": "accept"})
    ann.decide(2, {"decision": "accept"})
    bob.decide(2, reject)
    accepted = accepted_exam(exam, read_labels(labels))
    assert accepted.ids == ("q0", "q1")
    write_exam(tmp_path / "out.jsonl", accepted, format="jsonl")
    first, second = read_exam(tmp_path / "out.jsonl")
    assert (first.prompt, first.passages) == (exam[0].prompt, exam[0].passages)
    assert (second.prompt, second.options, second.answer) == (
        "Which gas?",
        ("oxygen", "carbon dioxide"),
        1,
    )
    assert first.metadata["labellers"] == "ann, bob"
    assert (first.metadata["label"], second.metadata["label"]) == ("accepted", "mended")
    assert second.metadata["quote"] == "plants take in carbon dioxide"


def test_a_label_is_the_same_after_writing_and_reading(labels):
    label = Label(
        id="é",
        question="h",
        labeller="ann",
        kind="decision",
        decision="mend",
        mended=MENDED,
        note='a "b"\nc\u2028d',
    )
    append_label(labels, label)
    assert read_labels(labels) == [label]


def test_labels_that_cannot_be_written_are_an_error_before_labelling(exam, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ExamError, match="cannot write the labels") as caught:
        Session.resume(exam, tmp_path / "file" / "labels.jsonl", "ann", blind=False)

    assert "--labels" in caught.value.hint


def test_a_link_to_the_labels_shares_their_lock(exam, labels, tmp_path):
    labels.write_text("")
    link = tmp_path / "other" / "link.jsonl"
    link.parent.mkdir()
    link.symlink_to(labels)

    Session.resume(exam, link, "ann", blind=False).decide(0, {"decision": "accept"})

    assert link.is_symlink()
    assert [label.id for label in read_labels(labels)] == ["q0"]
    assert [path.name for path in link.parent.iterdir()] == ["link.jsonl"]
