"""`llmexam collect mediawiki`, `arxiv` and `openalex`."""

from __future__ import annotations

import json

import pytest
from tests.cli.in_process import llmexam

from api_server import Reply, serving
from fake_wiki import FakeWiki, WikiPage

FAST = ("--set", "min_interval=0")


@pytest.fixture
def wiki_server():
    with serving() as server:
        server.answer = FakeWiki(
            pages=[WikiPage(1, "Opal", "Opal is [bold]silica[/bold].", 7)],
            redirects={"Opals": "Opal"},
        )
        yield server


def test_a_table_says_what_was_requested_and_kept(wiki_server, tmp_path) -> None:
    command = ("collect", "mediawiki", "--api", wiki_server.url, "--contact", "me@example.org")
    command += ("--title", "Opals", "--title", "Ruby", "--out", "texts", *FAST)
    done = llmexam(*command, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "requests   4 made, 0 cached, 0 retried, 0.0 s waited",
        "found      1, of which 1 were used",
        "left out   1 missing pages",
        "also       1 redirects followed",
        "documents  1",
        "",
        "licence       documents  refused  terms",
        "CC BY-SA 4.0          1        0  https://creativecommons.org/licenses/by-sa/4.0/",
        "note: pages that do not exist: Ruby",
    ]
    assert "texts/mediawiki.parquet" in done.stderr
    found = json.loads((tmp_path / "texts" / "mediawiki.collection.json").read_text("utf-8"))
    assert found["requests"]["requests"] == 4
    assert "contact" not in found["settings"]
    again = llmexam(*command, "--overwrite", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["requests"]["requests"] == 0
    assert llmexam("search", "--help").returncode == 0


def test_a_missing_contact_is_told_in_one_line(wiki_server, tmp_path) -> None:
    done = llmexam(
        "collect", "mediawiki", "--api", wiki_server.url, "--title", "Opal", "--out", "x",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: field 'contact': the collection needs 'contact'")
    assert "--contact" in done.stderr
    assert wiki_server.asked == []


def test_arxiv_ids_may_be_separated_by_commas(tmp_path) -> None:
    with serving() as server:
        server.answer = lambda params: Reply(status=404)
        done = llmexam(
            "collect", "arxiv", "--api", server.url, "--contact", "me@example.org", *FAST,
            "--ids", "2401.00001,2401.00002", "--ids", "math/0309136", "--out", "x", cwd=tmp_path,
        )  # fmt: skip
        assert server.params[0]["id_list"] == "2401.00001,2401.00002,math/0309136"
    assert done.returncode == 2
    assert "expected status 200, got 404" in done.stderr
    assert not list(tmp_path.rglob("*.parquet"))


def test_refused_licences_are_shown_with_the_option_that_accepts_them(tmp_path) -> None:
    works = [
        {"id": f"https://openalex.org/W{n}", "abstract_inverted_index": {"Light.": [0]},
         "primary_location": {"license": licence}}
        for n, licence in enumerate(["cc-by", "cc-by-nc", None])
    ]  # fmt: skip
    with serving() as server:
        server.answer = lambda params: {"meta": {"count": 3}, "results": works}
        done = llmexam(
            "collect", "openalex", "--api", server.url, "--contact", "me@example.org", *FAST,
            "--search", "light", "--out", "x.parquet", cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == (
        "To use refused texts as well, if you may: --accept-licence 'CC BY-NC' "
        "--accept-licence 'not stated'"
    )


def test_a_suffix_that_is_not_parquet_is_refused(wiki_server, tmp_path) -> None:
    done = llmexam(
        "collect", "mediawiki", "--api", wiki_server.url, "--contact", "me@example.org",
        "--title", "Opal", "--out", "texts.csv", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "expected a folder or a name that ends in .parquet" in done.stderr
