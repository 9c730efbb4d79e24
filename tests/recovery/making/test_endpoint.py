"""Data made by a real server on loopback, which fails in all ways that servers do."""

import json
import signal
import subprocess
import sys
import threading

import pytest

from fake_endpoint import KEY
from llmexam.errors import EndpointError, ExamError, SettingsError
from llmexam.recovery.parsing import read_rewrites
from llmexam.workflows.make_data import forecast_data, yields_path

FILES = ("texts.csv", "prompts.csv")


def test_texts_are_rewritten_and_written(endpoint, make, tmp_path):
    out = tmp_path / "made.csv"
    done = []
    made = make(out=out, progress=lambda *counts: done.append(counts))
    assert made.yields.asked == made.yields.kept == 9
    assert made.yields.n_repeated_texts == 1
    assert done[0] == (0, 9)
    assert done[-1] == (9, 9)
    rows = read_rewrites(out)
    assert out.read_text().startswith("id,original_text,rewritten_text,rewrite_prompt,source\n")
    assert all(row.metadata == {"source": "tiny"} for row in rows)
    assert sorted(rows.originals) == [f"Text number {i} about boats." for i in range(9)]
    asked = {body["messages"][-1]["content"] for body in endpoint.asked}
    assert asked == {f"{row.prompt}\n\n{row.original}" for row in rows}
    assert endpoint.asked[0]["messages"][0]["role"] == "system"
    assert json.loads((tmp_path / "made.yield.json").read_text())["kept"] == 9
    as_lines = make(out=tmp_path / "made.jsonl")
    assert read_rewrites(tmp_path / "made.jsonl").content_hash == rows.content_hash
    # All were cached.
    assert len(endpoint.asked) == 9
    assert "0 answers requested; 9 cached" in as_lines.usage


def test_a_file_is_not_replaced_by_no_rows(endpoint, make, tmp_path):
    out = tmp_path / "made.csv"
    out.write_text("mine")
    endpoint.writes = lambda body: "I\u2019m sorry, but I can\u2019t help with that."
    with pytest.raises(ExamError, match=r"none of 9 answers was kept.*made.yield.json"):
        make(out=out)
    assert out.read_text() == "mine"
    assert json.loads((tmp_path / "made.yield.json").read_text())["refused"] == 9


def test_more_rows_go_on_from_fewer(endpoint, make, tmp_path):
    few = make(drawing={"n_rows": 6})
    many = make(drawing={"n_rows": 20})
    assert many.rows[:6] == few.rows
    assert len(endpoint.asked) == 20
    assert len(make(drawing={"pairs_per_text": 2}).rows) == 18
    assert len(endpoint.asked) == 20


def test_the_yield_table_adds_up_and_costs_are_counted(endpoint, make):
    answers = iter(
        [
            "One text.",
            "I'm sorry, but I cannot do that.",
            "",
            ("Half a", "length"),
            (400, {"error": {"message": "content policy"}}),
            ("", "content_filter"),
            "One text!",
            "<think>Hm.</think>Sure, here is it:\n\nAnother text.",
            "Okay then, a text.",
        ]
    )
    endpoint.writes = lambda body: next(answers)
    made = make(settings={"max_concurrency": 1, "prompt_price": 2.0, "completion_price": 10.0})
    found = made.yields
    assert (found.kept, found.refused, found.blank, found.cut) == (2, 3, 1, 1)
    assert (found.duplicate, found.preamble, found.stripped) == (1, 1, 1)
    left_out = found.refused + found.blank + found.cut + found.duplicate + found.preamble
    assert found.asked == 9 == found.kept + left_out
    assert [row.rewritten for row in made.rows] == ["One text.", "Another text."]
    # The server counts 100 and 10 tokens for each of 8 answers.
    assert (found.prompt_tokens, found.completion_tokens) == (800, 80)
    assert found.cost == pytest.approx(800 * 2e-6 + 80 * 10e-6)
    assert "cost 0.0024" in made.usage
    assert "1 requests rejected by the endpoint" in made.usage
    assert "2  kept, of which 1 without their opening" in str(found)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ([(401, {"error": {"message": f"wrong key {KEY}"}})], r"401: wrong key \*\*\*.*SOME_KEY"),
        ([(429, {"error": "slow down"})] * 9, "429: slow down.*Lower max_concurrency"),
        ([(500, {"error": "broken"})] * 9, "500: broken.*check its logs"),
        (["garbage"], "row 1: .*not that of an OpenAI-compatible endpoint"),
        (["hang up"] * 9, "no connection"),
    ],
)
def test_an_endpoint_that_fails_is_one_clear_line(endpoint, make, tmp_path, script, message):
    endpoint.script = list(script)
    out = tmp_path / "made.csv"
    with pytest.raises(EndpointError, match=message) as caught:
        make(out=out, settings={"max_concurrency": 1})
    assert KEY not in str(caught.value)
    assert "run the same command again to resume" in str(caught.value)
    assert not out.exists()


def test_rate_limits_and_server_errors_are_retried(endpoint, make):
    endpoint.script = [(429, {}), (503, {}), "hang up"]
    assert make(settings={"max_retries": 5}).yields.kept == 9


def test_a_server_that_never_answers_is_told(endpoint, make):
    endpoint.wait = lambda n: endpoint.closed.wait(5)
    with pytest.raises(EndpointError, match=r"no answer within 0.2 s"):
        make(settings={"timeout": 0.2}, drawing={"n_rows": 1})
    endpoint.closed.set()


def test_no_server_is_told(make):
    with pytest.raises(EndpointError, match="cannot connect"):
        make(settings={"base_url": "http://127.0.0.1:9/v1"}, base_url=None)


def test_an_endpoint_that_rejects_everything_is_an_error(endpoint, make):
    endpoint.writes = lambda body: (400, {"error": {"message": "no such field: seed"}})
    with pytest.raises(EndpointError, match="no such field: seed"):
        make(drawing={"n_rows": 30})
    assert len(endpoint.asked) < 30


def test_the_budget_holds(endpoint, make):
    prices = {"prompt_price": 1000.0, "completion_price": 1000.0, "max_tokens": 10}
    with pytest.raises(EndpointError, match="max_cost"):
        make(settings={**prices, "max_cost": 0.5})
    assert len(endpoint.asked) < 9


def test_a_megabyte_and_other_scripts(endpoint, make, tmp_path):
    texts = tmp_path / "long.jsonl"
    long = "word " * 200_000
    lines = [long, "Привет, мир", "漢字 {prompt}", "שלום"]
    texts.write_text("".join(json.dumps({"text": one}) + "\n" for one in lines))
    made = make(texts)
    assert (made.yields.asked, made.yields.n_long_texts) == (3, 1)
    # Braces in a text are not fields of the template.
    assert any(body["messages"][-1]["content"].endswith("漢字 {prompt}") for body in endpoint.asked)
    assert make(texts, settings={"max_characters": 2_000_000}).yields.kept == 4
    assert max(len(body["messages"][-1]["content"]) for body in endpoint.asked) > 999_000
    with pytest.raises(ExamError, match="all 4 texts are longer than 2 characters"):
        make(texts, settings={"max_characters": 2})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_key": KEY}, "environment"),
        ({"api_key_env": KEY}, "environment"),
        ({"base_url": f"https://user:{KEY}@host/v1"}, "environment"),
        ({"template": "{text}"}, "template with"),
        ({"temprature": 1}, "Did you mean 'temperature'"),
    ],
)
def test_settings_are_checked_and_secrets_not_repeated(make, settings, message):
    with pytest.raises(SettingsError, match=message) as caught:
        make(settings=settings, **({"base_url": None} if "base_url" in settings else {}))
    assert KEY not in str(caught.value)


def test_the_key_is_sent_and_written_nowhere(endpoint, make, tmp_path):
    make(out=tmp_path / "made.csv")
    assert set(endpoint.keys) == {f"Bearer {KEY}"}
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def test_a_forecast_asks_nothing(endpoint, files, make, tmp_path):
    arguments = {
        "model": "tiny",
        "base_url": endpoint.url,
        "settings": {
            "cache_dir": str(tmp_path / "answers"),
            "prompt_price": 1.0,
            "completion_price": 1.0,
        },
    }
    found = forecast_data(*files, **arguments)
    assert (found.n_pairs, found.n_cached, found.completion_tokens) == (9, 0, 9 * 512)
    assert endpoint.asked == []
    made = make(settings=arguments["settings"])
    assert made.yields.cost <= found.cost
    assert str(forecast_data(*files, **arguments)).startswith("9 texts to rewrite, 9 answers cach")


RUN = "from llmexam.__main__ import main; main()"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_killed_command_goes_on_and_ends_with_the_same_bytes(endpoint, make, tmp_path, suffix):
    stuck, go_on = threading.Semaphore(0), threading.Event()

    def hold(n):
        if n >= 7:
            stuck.release()
            assert go_on.wait(120)

    def make_in(name, cache):
        settings = {"cache_dir": str(tmp_path / cache), "max_concurrency": 2}
        out = tmp_path / f"{name}{suffix}"
        make(out=out, settings=settings, drawing={"pairs_per_text": 2})
        return out.read_bytes(), yields_path(out).read_bytes()

    endpoint.wait = hold
    out = tmp_path / f"made{suffix}"
    command = ["recover", "make-data", *(str(tmp_path / name) for name in FILES)]
    command += ["--model", "tiny", "--base-url", endpoint.url, "--out", str(out)]
    command += ["--pairs-per-text", "2", "--set", "max_concurrency=2"]
    command += ["--set", "api_key_env=SOME_KEY", "--set", f"cache_dir={tmp_path / 'answers'}"]
    with subprocess.Popen([sys.executable, "-c", RUN, *command]) as killed:
        try:
            # Both requests under way wait for their answers; seven others have theirs.
            for _ in range(2):
                assert stuck.acquire(timeout=120)
        finally:
            killed.send_signal(signal.SIGKILL)
    go_on.set()
    endpoint.wait = None
    assert not out.exists()
    n_before = len(endpoint.asked)
    resumed = make_in("made", "answers")
    assert len(endpoint.asked) - n_before == 18 - 7
    assert make_in("whole", "others") == resumed
