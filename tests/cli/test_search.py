import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from llmexam.cli.search import search
from llmexam.errors import SettingsError
from llmexam.retrieval.build import build_index
from llmexam.sample import CORPUS_PATH

app = typer.Typer()
app.command()(search)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "index"
    build_index(CORPUS_PATH, folder)
    return folder


def test_shows_a_table_a_query(index: Path):
    result = run(index, "Hardy-Weinberg [rule]", "zzzz", "-k", 1)
    assert result.exit_code == 0, result.output
    assert "1. Hardy-Weinberg [rule]" in result.stdout
    assert "life-046#0" in result.stdout
    assert "zzzz: no passages found" in result.stdout


def test_json_has_it_all(index: Path):
    result = run(index, "blue sky", "-k", 2, "--json")
    found = json.loads(result.stdout)["found"]
    assert [len(one["passages"]) for one in found] == [2]
    assert set(found[0]["passages"][0]) == {"text", "title", "id", "score"}


def test_an_exam_with_judgements_shows_measures(index: Path):
    qrels = CORPUS_PATH.with_name("judgements.qrels")
    result = run(index, "--exam", "bundled", "--judgements", qrels, "--query-form", "prompt")
    assert result.exit_code == 0, result.output
    assert "recall@10" in result.stdout
    assert "ndcg@10" in result.stdout
    fused = run(index, "--index", index, "--exam", "bundled", "--judgements", qrels, "--json")
    assert json.loads(fused.stdout)["quality"]["recall@10"] > 0.95


@pytest.mark.parametrize("arguments", [(), ("x", "--exam", "bundled")])
def test_either_queries_or_an_exam(index: Path, arguments: tuple[str, ...]):
    assert isinstance(run(index, *arguments).exception, SettingsError)


def test_unknown_query_form(index: Path):
    result = run(index, "--exam", "bundled", "--query-form", "promt")
    assert "Did you mean 'prompt'" in str(result.exception)


def test_commands_to_the_terminal_are_not_passed_on(tmp_path: Path):
    corpus = tmp_path / "c.jsonl"
    corpus.write_text(
        json.dumps({"id": "a\x1b[1m", "title": "\x1b[2J", "text": "light \x1b[31mred"})
    )
    build_index(corpus, tmp_path / "index")
    result = run(tmp_path / "index", "light\x1b[0m")
    assert "light" in result.stdout
    assert "\x1b" not in result.stdout


def test_queries_of_a_file_are_judged_by_their_ids(tmp_path: Path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(
        '{"_id": "a", "text": "Mercury is hot."}\n{"_id": "b", "text": "Bees hum."}\n'
    )
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "What do bees do?"}\n')
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tb\t1\n")
    build_index(corpus, tmp_path / "index")
    arguments = ["--queries", tmp_path / "queries.jsonl", "--judgements", tmp_path / "qrels.tsv"]
    result = run(tmp_path / "index", *arguments, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["found"][0]["id"] == "q1"
    assert found["quality"]["mrr"] == 1.0
    both = run(tmp_path / "index", "bees", *arguments)
    assert isinstance(both.exception, SettingsError)
