"""Logs of other harnesses, in the forms that they write."""

import json
import zipfile

import pytest
from tests.cli.in_process import llmexam

from llmexam.errors import ExamError, SubmissionError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.harness.exams import exam_of, load_answers, predictions_of
from llmexam.harness.reading import is_log, read_log

OPTIONS = ("iron", "salt", "tin")
EXAM = Exam(
    (
        Question("q1", "Which is a compound?", OPTIONS, 1),
        Question("q2", "Which rusts?", OPTIONS, 0),
    )
)


def lines(path, records):
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def lm_eval_sample(doc_id, question, right, scores, **more):
    return {
        "doc_id": doc_id,
        "doc": {"question": question, "choices": list(OPTIONS), "answer": right},
        "target": str(right),
        "arguments": {
            f"gen_args_{i}": {"arg_0": f"Question: {question}", "arg_1": f" {option}"}
            for i, option in enumerate(OPTIONS)
        },
        "resps": [[[str(score), "False"]] for score in scores],
        "filtered_resps": [[str(score), "False"] for score in scores],
        "filter": "none",
        "metrics": ["acc", "acc_norm"],
        "acc": float(scores.index(max(scores)) == right),
        "acc_norm": 1.0,
        **more,
    }


@pytest.fixture
def lm_eval(tmp_path):
    folder = tmp_path / "org__model"
    folder.mkdir()
    name = "samples_metals_2026-01-02T03-04-05.678901.jsonl"
    return lines(
        folder / name,
        [
            lm_eval_sample(0, "Which is a compound?", 1, [-3.0, -1.0, -2.0]),
            lm_eval_sample(1, "Which rusts?", 0, [-2.0, -1.0, -4.0]),
        ],
    )


def inspect_sample(name, prompt, target, answer, **more):
    return {
        "id": name,
        "epoch": 1,
        "input": prompt,
        "choices": list(OPTIONS),
        "target": target,
        "output": {"completion": f"ANSWER: {answer}"},
        "scores": {"choice": {"value": "C" if answer == target else "I", "answer": answer}},
        "metadata": {"subject": "metals"},
        **more,
    }


INSPECT = {"status": "success", "eval": {"model": "org/other", "task": "metals"}}
SAMPLES = [
    inspect_sample("q1", "Which is a compound?", "B", "B"),
    inspect_sample("q2", "Which rusts?", "A", "C"),
]


@pytest.fixture
def inspect_json(tmp_path):
    path = tmp_path / "log.json"
    path.write_text(json.dumps({**INSPECT, "samples": SAMPLES}))
    return path


def archive(path, samples, header=INSPECT):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("header.json", json.dumps(header))
        for number, sample in enumerate(samples):
            out.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    return path


def helm_state(name, prompt, right, reply, **more):
    return {
        "instance": {
            "id": name,
            "input": {"text": prompt},
            "references": [
                {"output": {"text": option}, "tags": ["correct"] if i == right else []}
                for i, option in enumerate(OPTIONS)
            ],
        },
        "train_trial_index": 0,
        "output_mapping": dict(zip("ABC", OPTIONS, strict=True)),
        "result": {"completions": [{"text": f" {reply}", "logprob": -0.5}]},
        **more,
    }


def helm_file(tmp_path, states):
    path = tmp_path / "scenario_state.json"
    spec = {"model": "org/third", "method": "multiple_choice_joint"}
    path.write_text(json.dumps({"adapter_spec": spec, "request_states": states}))
    return path


def test_log_likelihoods_become_scores(lm_eval):
    log = read_log(lm_eval)
    assert (log.harness, log.model, log.task) == (
        "lm-evaluation-harness",
        "org/model",
        "metals",
    )
    assert log.value_names == ("acc", "acc_norm")
    exam = exam_of(log)
    assert [(one.prompt, one.options, one.answer) for one in exam] == [
        ("Which is a compound?", OPTIONS, 1),
        ("Which rusts?", OPTIONS, 0),
    ]
    found = predictions_of(log, exam)
    assert isinstance(found, ScoreMatrix)
    assert found.ranking.tolist() == [[1, 2, 0], [1, 0, 2]]


def test_results_beside_the_samples_name_the_model(lm_eval):
    results = lm_eval.parent / "results_2026-01-02T03-04-05.678901.json"
    results.write_text(json.dumps({"model_name": "org/real-name"}))
    assert read_log(lm_eval).model == "org/real-name"


def test_an_unlikely_option_of_probability_zero_is_last(tmp_path):
    sample = lm_eval_sample(0, "Which rusts?", 0, [-2.0, float("-inf"), -4.0])
    sample["filtered_resps"][1][0] = "-inf"
    path = lines(tmp_path / "samples.jsonl", [sample])
    log = read_log(path)
    assert log.answers[0].scores[1] == float("-inf")
    ranked = load_answers(path, exam_of(log))
    assert isinstance(ranked, ScoreMatrix)
    assert ranked.ranking.tolist() == [[0, 2, 1]]


def test_generated_answers_are_read_and_one_filter_is_used(tmp_path):
    doc = {"question": "Which rusts?", "options": list(OPTIONS), "answer": "A"}
    sample = {"doc_id": 7, "doc": doc, "target": "A", "resps": [["The answer is (A)."]]}
    path = lines(
        tmp_path / "s.jsonl",
        [
            {**sample, "filter": "strict", "filtered_resps": ["A"], "exact_match": 1.0},
            {**sample, "filter": "flexible", "filtered_resps": ["C"], "exact_match": 0.0},
        ],
    )
    log = read_log(path)
    assert log.notes == ("read filter strict; left out flexible",)
    assert [(one.ranking, dict(one.values)) for one in log.answers] == [
        ((0,), {"exact_match": 1.0})
    ]
    told = f"note: {path}: read filter strict; left out flexible\n"
    for command in (["evaluate", path], ["compare", path, path]):
        assert llmexam(*command).stderr.count(told) == 1


def test_one_sample_over_several_lines_is_no_log(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(lm_eval_sample(0, "Which rusts?", 0, [-2.0, -3.0, -4.0]), indent=1))
    assert not is_log(path)


def test_inspect_as_json_and_as_archive(inspect_json, tmp_path):
    packed = archive(tmp_path / "log.eval", SAMPLES)
    for path in (inspect_json, packed):
        log = read_log(path)
        assert (log.harness, log.model, log.task) == ("inspect_ai", "org/other", "metals")
        assert [one.ranking for one in log.answers] == [(1,), (2,)]
        assert [dict(one.values) for one in log.answers] == [{"choice": 1.0}, {"choice": 0.0}]
        assert exam_of(log)[0].metadata == {"subject": "metals"}


def test_inspect_resolves_attachments_counts_epochs_and_failed_samples(tmp_path):
    again = inspect_sample("q1", "attachment://ab", "B", "C", epoch=2)
    samples = [
        inspect_sample("q1", "attachment://ab", "B", "B", attachments={"ab": "Which salt?"}),
        again,
        inspect_sample("q2", [{"role": "user", "content": "Which rusts?"}], ["A"], "A"),
        inspect_sample("q3", "?", "A", "A", error={"message": "timeout"}),
    ]
    log = read_log(archive(tmp_path / "log.eval", samples))
    assert [one.prompt for one in log.answers] == ["Which salt?", "Which rusts?"]
    assert log.answers[0].values == {"choice": 0.5}
    assert log.answers[0].ranking == (1,)
    assert len(log.notes) == 2


def test_helm_joint_and_separate_requests(tmp_path):
    states = [
        helm_state("q1", "Which is a compound?", 1, "B"),
        helm_state("q2", "Which rusts?", 0, "no idea"),
        helm_state("q2", "Which rusts?", 0, "A", train_trial_index=1),
    ]
    states[0]["instance"]["perturbation"] = None
    log = read_log(helm_file(tmp_path, states))
    assert [one.ranking for one in log.answers] == [(1,), ()]
    assert log.notes == ("1 requests of further trials are left out",)
    separate = [
        helm_state(
            "q1",
            "Which is a compound?",
            1,
            "",
            reference_index=place,
            result={"completions": [{"text": option, "logprob": -float(place == 0) - 1}]},
        )
        for place, option in enumerate(OPTIONS)
    ]
    log = read_log(helm_file(tmp_path, separate))
    assert log.answers[0].scores == (-2.0, -1.0, -1.0)
    assert log.answers[0].ranking == (1, 2, 0)


def test_values_of_helm_come_from_the_file_beside(tmp_path):
    path = helm_file(tmp_path, [helm_state("q1", "Which is a compound?", 1, "B")])
    stats = [{"instance_id": "q1", "stats": [{"name": {"name": "exact_match"}, "mean": 1.0}]}]
    (tmp_path / "per_instance_stats.json").write_text(json.dumps(stats))
    assert read_log(path).answers[0].values == {"exact_match": 1.0}


def test_batch_replies_are_parsed_with_the_options_of_the_exam(tmp_path):
    def reply(name, text, **more):
        body = {"model": "m", "choices": [{"message": {"content": text}}]}
        return {"custom_id": name, "response": {"status_code": 200, "body": body}, **more}

    path = lines(
        tmp_path / "batch.jsonl", [reply("q2", "The answer is A."), reply("q1", "Surely salt")]
    )
    assert load_answers(path, EXAM) == {"q1": (1,), "q2": (0,)}
    failed = {"custom_id": "q3", "response": None, "error": {"message": "expired"}}
    lines(path, [reply("q1", "B"), failed])
    assert read_log(path).notes == ("1 requests failed and are left out",)
    with pytest.raises(SubmissionError, match=r"1 of 2 questions are not in the log: 'q2'"):
        load_answers(path, EXAM)


def test_questions_are_matched_by_text_and_options_may_be_reordered(inspect_json, lm_eval):
    turned = Exam(
        tuple(
            Question(f"row {i}", one.prompt, one.options[::-1], 2 - (one.answer or 0))
            for i, one in enumerate(EXAM)
        )
    )
    assert load_answers(inspect_json, turned) == {"row 0": (1,), "row 1": (0,)}
    assert load_answers(lm_eval, turned).ranking.tolist() == [[1, 0, 2], [1, 2, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"doc_id": 0, "doc": {}, "target": "A"}\n{"doc_id"', r"row 2: expected one JSON"),
        ('{"custom_id": "a", "response": null}\n', "has no answers"),
        ('{"a": 1}\n', "expected a log of another harness"),
        ('{"status": "error", "eval": {}, "samples": []}', "has no samples"),
        ('{"request_states": [1], "adapter_spec": {}}', r"row 1: expected a request"),
        ("[" * 100_000, "expected a log"),
    ],
)
def test_damaged_logs_are_one_line(tmp_path, text, message):
    path = tmp_path / "log.json"
    path.write_text(text)
    with pytest.raises(ExamError, match=message):
        read_log(path)


def test_a_damaged_archive_is_one_line(tmp_path):
    path = archive(tmp_path / "log.eval", SAMPLES)
    data = bytearray(path.read_bytes())
    place = data.find(b"samples/0") + 40
    data[place : place + 8] = b"\0" * 8
    path.write_bytes(bytes(data))
    with pytest.raises(ExamError, match=r"log\.eval"):
        read_log(path)


def test_exams_and_submissions_are_no_logs(tmp_path):
    exam = lines(tmp_path / "exam.jsonl", [{"prompt": "p", "options": ["a", "b"]}])
    csv = tmp_path / "s.csv"
    csv.write_text("id,prediction\n1,A\n")
    assert not any(map(is_log, [exam, csv, tmp_path, tmp_path / "none", EXAM]))


def test_commands_grade_compare_and_convert_logs(lm_eval, inspect_json, tmp_path):
    alone = llmexam("evaluate", lm_eval, "--json")
    found = json.loads(alone.stdout)
    assert (found["name"], found["n_items"]) == ("org/model", 2)
    assert found["metrics"][1]["estimate"]["value"] == 0.5
    values = json.loads(llmexam("evaluate", lm_eval, "--logged-values", "--json").stdout)
    assert [one["name"] for one in values["metrics"]] == ["acc", "acc_norm"]
    text = llmexam("compare", lm_eval, inspect_json, "--flips", 3).stdout
    assert "they are equal on 1" in text
    exam = tmp_path / "exam.jsonl"
    assert llmexam("convert", lm_eval, exam).returncode == 0
    graded = json.loads(llmexam("evaluate", exam, inspect_json, "--json").stdout)
    assert graded["metrics"][1]["estimate"]["value"] == 0.5


def test_logs_without_options_are_compared_by_their_values(tmp_path):
    def log(name, values):
        return lines(
            tmp_path / name,
            [
                {
                    "doc_id": i,
                    "doc": {"question": f"{i} + 1"},
                    "target": str(i + 1),
                    "resps": [["?"]],
                    "filtered_resps": ["?"],
                    "metrics": ["exact_match"],
                    "exact_match": value,
                }
                for i, value in enumerate(values)
            ],
        )

    a, b = log("a.jsonl", [1.0, 1.0, 0.0, 1.0]), log("b.jsonl", [0.0, 1.0, 0.0])
    found = json.loads(llmexam("compare", a, b, "--json").stdout)
    assert (found["n_items"], found["n_better"], found["n_worse"]) == (3, 1, 0)
    assert found["difference"]["value"] == pytest.approx(1 / 3)
    wrong = llmexam("convert", a, tmp_path / "exam.jsonl")
    assert wrong.returncode == 2
    assert "have no options" in wrong.stderr


def test_a_missing_prediction_is_explained(tmp_path):
    exam = lines(tmp_path / "exam.jsonl", [{"prompt": "p", "options": ["a", "b"], "answer": "A"}])
    found = llmexam("evaluate", exam)
    assert found.returncode == 2
    assert "expected a prediction to grade" in found.stderr
    assert "leave" in llmexam("evaluate", exam, exam, "--logged-values").stderr.lower()


def test_logs_of_one_model_are_called_by_their_tasks(lm_eval):
    other = lm_eval.with_name(lm_eval.name.replace("metals", "letters"))
    other.write_bytes(lm_eval.read_bytes())
    found = json.loads(llmexam("compare", lm_eval, other, "--json").stdout)
    assert (found["name_a"], found["name_b"]) == ("metals", "letters")
