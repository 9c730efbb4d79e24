"""Requests in batch files, and their results, without any connection."""

import json

import pytest
from typer.testing import CliRunner

from llmexam.cli.app import app
from llmexam.errors import EndpointError, SettingsError
from llmexam.exam.question import Question
from llmexam.solvers.served import batch_files
from llmexam.solvers.served.batch_files import custom_id, read_batch, write_batch
from llmexam.solvers.served.settings import ServedSettings
from llmexam.solvers.served.solver import ServedSolver
from llmexam.workflows.batches import Batch, BatchPendingError
from llmexam.workflows.solve import solve

pytest.importorskip("openai", reason="the extra openai is not installed")

QUESTIONS = [Question(f"q{i}", f"Number {i}?", ("one", "two", "three"), i % 3) for i in range(6)]


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return {"model": "tiny", "cache_dir": str(tmp_path / "answers")}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def result(line, body, status=200, error=None):
    response = {"status_code": status, "request_id": "r", "body": body}
    return {"id": "b", "custom_id": line["custom_id"], "response": response, "error": error}


def reply(text, **choice):
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    choices = [{"message": {"content": text}, "finish_reason": "stop", **choice}]
    return {"choices": choices, "usage": usage}


def write_results(path, results):
    path.write_text("".join(json.dumps(one) + "\n" for one in results))
    return path


def take(settings, results=(), out=None):
    told = []
    batch = Batch(tuple(results), out)
    solver = batch.solver("openai", settings)
    batch.exchange(solver, QUESTIONS, told.append)
    return solver, told


def test_requests_are_written_and_their_results_are_scored(settings, tmp_path):
    requests = tmp_path / "requests.jsonl"
    with pytest.raises(BatchPendingError, match=r"wrote 6 of 6 requests to .*requests.jsonl"):
        take(settings, out=requests)
    lines = lines_of(requests)
    assert {line["url"] for line in lines} == {"/v1/chat/completions"}
    assert {line["method"] for line in lines} == {"POST"}
    assert all(line["body"]["model"] == "tiny" for line in lines)
    assert len({line["custom_id"] for line in lines}) == 6
    assert all(len(line["custom_id"]) <= 64 for line in lines)
    # In any order, with one that failed and one that was cut.
    done = [result(line, reply("B, A, C")) for line in reversed(lines[2:])]
    done.append(result(lines[1], {"error": {"message": "too busy"}}, status=429))
    results = write_results(tmp_path / "results.jsonl", done)
    results.write_text(results.read_text() + '{"custom_id": "')
    with pytest.raises(EndpointError, match=r"2 of 6 requests have no reply yet.*too busy"):
        take(settings, [results])
    again = tmp_path / "again.jsonl"
    with pytest.raises(BatchPendingError, match="wrote 2 of 6"):
        take(settings, [results], again)
    assert lines_of(again) == lines[:2]
    more = write_results(tmp_path / "more.jsonl", [result(one, reply("C")) for one in lines[:2]])
    solver, told = take(settings, [more])
    assert told == ["2 replies read"]
    scores = solver.score(QUESTIONS)
    assert scores.ranking[:, 0].tolist() == [2, 2, 1, 1, 1, 1]
    # A plain run asks in the same way, so it finds them, too.
    later = ServedSolver(ServedSettings(**settings, api_key_env=None))
    assert later.score(QUESTIONS).values.tolist() == scores.values.tolist()
    assert (later.usage.n_requests, later.usage.n_kept) == (0, 6)


def test_questions_with_unsure_letters_are_written_for_letters_as_text(settings, tmp_path):
    settings["answers"] = "logprobs"
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    with pytest.raises(BatchPendingError):
        take(settings, out=first)
    lines = lines_of(first)
    assert all(line["body"]["logprobs"] for line in lines)

    def heard(token):
        tops = [{"token": token, "logprob": -0.1}, {"token": "A", "logprob": -5.0}]
        return {"content": [{"token": token, "logprob": -0.1, "top_logprobs": tops}]}

    done = [result(line, reply("B", logprobs=heard("B"))) for line in lines[1:]]
    done.append(result(lines[0], reply("The", logprobs=heard("The"))))
    results = write_results(tmp_path / "results.jsonl", done)
    with pytest.raises(BatchPendingError, match="wrote 1 of 7"):
        take(settings, [results], second)
    (line,) = lines_of(second)
    assert "logprobs" not in line["body"]
    texts = write_results(tmp_path / "texts.jsonl", [result(line, reply("The answer is C."))])
    # With all files at once and nothing cached, too.
    settings["cache_dir"] = str(tmp_path / "other")
    solver, _ = take(settings, [results, texts])
    scores = solver.score(QUESTIONS)
    assert scores.ranking[:, 0].tolist() == [2, 1, 1, 1, 1, 1]
    assert solver.usage.n_fallen_back == 1


@pytest.mark.parametrize(
    "strange",
    [
        {"response": None, "error": {"code": "expired", "message": "not in time"}},
        {"response": {"status_code": 200, "body": {"choices": []}}},
        {"response": {"status_code": 200, "body": None}},
        {"response": "x"},
        {"response": {"status_code": [], "body": [[]]}},
        {"error": {"error": {"error": {"error": {"error": {}}}}}},
        {},
    ],
)
def test_strange_results_are_failures(settings, tmp_path, strange):
    (request,) = ServedSolver(ServedSettings(**settings), offline=True).possible(QUESTIONS[:1])
    path = write_results(tmp_path / "r.jsonl", [{"custom_id": custom_id(request), **strange}])
    results = read_batch([path], [request])
    assert list(results.failures) == [request.key]
    assert "1 failed (the first: " in str(results)


def test_files_that_hold_no_results_are_errors(settings, tmp_path):
    requests = tmp_path / "requests.jsonl"
    with pytest.raises(BatchPendingError):
        take(settings, out=requests)
    for path, content in (
        (requests, None),
        (tmp_path / "x.jsonl", b"\xff\n" + b"[" * 100_000),
        (tmp_path / "y.jsonl", b"\n"),
    ):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(EndpointError, match="holds no results of a batch"):
            take(settings, [path])
    with pytest.raises(EndpointError, match="cannot read the results"):
        take(settings, [tmp_path / "none.jsonl"])
    foreign = write_results(tmp_path / "f.jsonl", [{"custom_id": "other", "response": {}}])
    with pytest.raises(EndpointError, match="6 of 6 requests have no reply yet"):
        take(settings, [foreign])


def test_large_batches_become_several_files(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_files, "_MOST_REQUESTS", 4)
    solver = ServedSolver(ServedSettings(**settings), offline=True)
    files = write_batch(tmp_path / "b.jsonl", solver.missing(QUESTIONS), solver.settings)
    assert [path.name for path in files] == ["b.jsonl", "b-2.jsonl"]
    assert [len(lines_of(path)) for path in files] == [4, 2]


def test_parts_of_an_earlier_larger_batch_are_not_left_beside_a_smaller_one(
    settings, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_files, "_MOST_REQUESTS", 2)
    solver = ServedSolver(ServedSettings(**settings), offline=True)
    first = tmp_path / "b[1].jsonl"
    write_batch(first, solver.missing(QUESTIONS), solver.settings)
    (tmp_path / "b[1]-notes.jsonl").touch()
    before = first.read_bytes()
    with pytest.raises(EndpointError, match=r"b\[1\]-2.jsonl .* 1 more. Delete .*, b\[1\]-3.jsonl"):
        write_batch(first, solver.missing(QUESTIONS[:2]), solver.settings)
    assert first.read_bytes() == before
    # As many parts are replaced.
    files = write_batch(first, solver.missing(QUESTIONS[1:]), solver.settings)
    assert [len(lines_of(path)) for path in files] == [2, 2, 1]
    for path in files[1:]:
        path.unlink()
    assert write_batch(first, solver.missing(QUESTIONS[:2]), solver.settings) == [first]


def test_other_solvers_have_no_batches():
    with pytest.raises(SettingsError, match="Choose one of: openai"):
        solve("bundled", "lexical", batch=Batch(out="x.jsonl"))


def test_the_command_ends_well_where_requests_were_written(settings, tmp_path):
    arguments = ["solve", "bundled", "--solver", "openai", "--batch-out", str(tmp_path / "b.jsonl")]
    for name, value in settings.items():
        arguments += ["--set", f"{name}={value}"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "run the same command with --batch-in RESULTS" in done.stderr
    assert lines_of(tmp_path / "b.jsonl")
