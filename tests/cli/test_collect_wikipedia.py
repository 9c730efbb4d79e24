"""`llmexam collect wikipedia`: what it prints, and its exit codes."""

import json

from cli.in_process import llmexam
from dump_text import dump_xml, page_xml

PAGES = [
    page_xml(1, "Neon", "Neon boils at {{val|27.1|u=K}}. {{odd|5}}"),
    page_xml(2, "Ne", "#REDIRECT [[Neon]]", redirect="Neon"),
]


def test_counts_and_losses_are_printed(tmp_path):
    (tmp_path / "dump.xml").write_text(dump_xml(PAGES))
    done = llmexam(
        "collect", "wikipedia", "dump.xml", "--out", "wiki", "--workers", 1, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "wrote wiki\n")
    assert [" ".join(line.split()) for line in done.stdout.splitlines()] == [
        "2 pages read",
        "1 articles collected",
        "1 redirects skipped",
        "1 documents written",
        "1 Parquet file",
        "lost per 1,000 articles:",
        "1,000 numbers: 1 of 2 (50.00%)",
        "0 formulas: 0 of 0",
        "numbers in what was dropped: odd 1",
        "templates without a rule: odd 1",
    ]


def test_a_damaged_dump_ends_with_code_1_and_the_counts(tmp_path):
    (tmp_path / "dump.xml").write_text(dump_xml(PAGES)[:-40])
    done = llmexam(
        "collect", "wikipedia", "dump.xml", "--out", "wiki", "--json", "--workers", 1, cwd=tmp_path
    )
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["counts"]["articles"] == 1
    assert found["lost_numbers_per_1000_articles"] == 1000.0
    assert "dump.xml: broken at page 2" in done.stderr


def test_wrong_settings_are_named(tmp_path):
    (tmp_path / "dump.xml").write_text(dump_xml(PAGES))
    done = llmexam("collect", "wikipedia", "dump.xml", "--out", "w", "--keep", "list", cwd=tmp_path)
    assert (done.returncode, "keep" in done.stderr) == (2, True)
    done = llmexam("collect", "wikipedia", "dump.xml", "--out", "w", "--set", "pre=1", cwd=tmp_path)
    assert "Did you mean 'per'?" in done.stderr


def test_one_command_leads_to_an_index_that_is_searched(tmp_path):
    pages = [page_xml(n, f"Element {n}", f"Element {n} boils at {n + 20.5} K.") for n in range(9)]
    (tmp_path / "dump.xml").write_text(dump_xml(pages))
    command = ("collect", "wikipedia", "dump.xml", "--out", "wiki", "--index", "index")
    options = ("--parts", 2, "--workers", 1)
    done = llmexam(*command, *options, cwd=tmp_path)
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    assert last.startswith("index: 9 passages (sparse) in 2 parts; wrote 9 from 9 documents")
    found = json.loads(llmexam(*command, *options, "--json", cwd=tmp_path).stdout)
    assert (found["resumed"], found["index"]["n_resumed"]) == (1, 2)
    hits = llmexam("search", "index", "25.5 K", "-k", 1, "--json", cwd=tmp_path)
    assert "boils at 25.5 K" in json.loads(hits.stdout)["found"][0]["passages"][0]["text"]
    # Workers of a cluster convert the pages, and build the same index.
    cluster = ("--parts", 2, "--cluster", "processes", "--cluster-set", "workers=1", "--json")
    again = ("collect", "wikipedia", "dump.xml", "--out", "wiki2", "--index", "index2")
    done = llmexam(*again, *cluster, cwd=tmp_path)
    assert "parts of the sparse index: 2 shards: 0 reused, 2 computed by 1 worker" in done.stderr
    same = json.loads(done.stdout)["index"]
    assert (same["n_parts"], same["content_hash"]) == (2, found["index"]["content_hash"])
