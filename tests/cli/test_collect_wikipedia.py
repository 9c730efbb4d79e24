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
